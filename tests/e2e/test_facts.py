"""Facts through the SDK, sync and async, and the command line, and what a rule makes of them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import AsyncTruelineClient, Decision, Fact, NotFoundError, TruelineClient
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess

RULES = """apiVersion: trueline/v1
kind: FactType
metadata: {name: tier}
spec: {subject: account, type: text}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: seats}
spec: {subject: account, type: number, nullable: false}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: staff}
spec: {subject: account, type: number}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: fee}
spec: {subject: account, type: decimal, unit: EUR}
---
apiVersion: trueline/v1
kind: AlertRule
metadata: {name: big_and_free}
spec:
  facts: {tier: {fact: tier}, staff: {fact: staff}}
  warning: tier == 'free' and staff > 10
"""
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A server that knows some fact types."""
    folder = tmp_path_factory.mktemp("facts")
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    with ServerProcess(folder, {"TRUELINE_RULES": str(folder / "rules.yaml")}) as server:
        yield server.address


def test_put_and_read_by_the_sdk(address: str) -> None:
    """What was put is read back with its type, as it was at any instant; mistakes are told by their place."""
    with TruelineClient(address) as client:
        facts = [Fact(subject_id=f"b{n:04}", name="seats", value=n) for n in range(1_200)]
        facts[1_100] = Fact(subject_id="b1100", name="seats", value="many")
        result = client.put_facts(facts)
        assert (result.accepted, [(one.index, one.reason) for one in result.rejections]) == (
            1_199,
            [(1_100, "INVALID_FIELD")],
        )
        assert len(client.list_facts("account", names=["seats"])) == 1_199
        client.put_facts([Fact(subject_id="z", name="fee", value=Decimal("9.99"), observed_at=LONG_AGO)])
        client.put_facts([Fact(subject_id="z", name="fee", value=None)])
        assert [fact.value for fact in client.list_facts("account", subject_id="z")] == [None]
        (then,) = client.list_facts("account", subject_id="z", at=LONG_AGO)
        assert (then.value, then.observed_at, then.subject) == (Decimal("9.99"), LONG_AGO, "account")
        found = client.get_facts("account", ["nobody", *(f"b{n:04}" for n in range(250)), "z"], names=["seats", "fee"])
        assert found.unknown_ids == ("nobody",)
        assert [one.subject_id for one in found.subjects] == [*(f"b{n:04}" for n in range(250)), "z"]
        assert {name: fact.value for name, fact in found.subjects[7].facts.items()} == {"seats": 7.0}
        assert (found.subjects[7].unknown_names, found.subjects[-1].unknown_names) == (("fee",), ("seats",))
        assert client.get_facts("account", ["z"], at=LONG_AGO).subjects[0].facts["fee"].value == Decimal("9.99")
        with pytest.raises(NotFoundError, match="did you mean 'account'"):
            client.list_facts("acount")
        assert client.put_facts([]).accepted == 0


def test_put_and_read_by_the_async_sdk(address: str) -> None:
    """The async client does the same."""

    async def work() -> None:
        async with AsyncTruelineClient(address) as client:
            result = await client.put_facts([Fact(subject_id="async", name="tier", value="pro")])
            assert result.accepted == 1
            assert [fact.value for fact in await client.list_facts("account", subject_id="async")] == ["pro"]
            found = await client.get_facts("account", ["async", "nobody"], names=["tier"])
            assert (found.subjects[0].facts["tier"].value, found.unknown_ids) == ("pro", ("nobody",))

    asyncio.run(work())


def test_a_rule_judges_what_was_put(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule over fact types is evaluated for each subject that has them, live, and all of them are counted; of an
    instant before the facts it says that they came later."""
    with TruelineClient(address) as client:
        client.put_facts(
            [
                Fact(subject_id="r1", name="tier", value="free"),
                Fact(subject_id="r1", name="staff", value=20),
                Fact(subject_id="r2", name="tier", value="pro"),
                Fact(subject_id="r2", name="staff", value=20),
            ]
        )
        rows = {
            row.labels["account"]: row.decision for row in client.evaluate_rule("big_and_free", row_limit=1000).rows
        }
        assert (rows["r1"], rows["r2"]) == (Decision.WARNING, Decision.NONE)
        found = client.evaluate_rule("big_and_free", row_limit=1)
        assert (found.pushed_down, found.pushdown_note, len(found.rows)) == (True, "", 1)
        assert sum(found.counts.values()) == found.total_rows == len(rows)
        assert next(iter(found.counts)) is Decision.WARNING
    assert main(["rules", "explain", "big_and_free", "--live", "--limit", "1", "--address", address]) == 0
    told = capsys.readouterr().out
    assert f"{len(rows)} label sets: 1 warning, " in told
    assert "more label sets; --limit explains more" in told
    assert "account=r1: warning" in told
    assert (
        main(["rules", "explain", "big_and_free", "--live", "--at", "2025-01-01T00:00:00Z", "--address", address]) == 0
    )
    told = " ".join(capsys.readouterr().out.split())
    assert "! staff: no account has a value for fact staff at 2025-01-01 00:00:00 UTC: what was put in was" in told


def test_put_and_list_by_the_command(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of facts; each line that cannot be read or kept is told with its number, and the rest is kept."""
    lines = [
        {"subject_id": "c1", "name": "tier", "value": "gold", "observed_at": "2025-03-01T00:00:00Z"},
        {"subject_id": "c1", "name": "fee", "value": {"decimal": "12.50"}},
        {"subject_id": "c1", "name": "seats", "value": "x"},
        {"subject_id": "c1", "name": "seats"},
        {"subject_id": "c1", "name": "seats", "value": 3, "at": 1},
    ]
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{\n", encoding="utf-8")
    assert main(["facts", "put", str(path), "--address", address]) == 1
    out, err = capsys.readouterr()
    assert out == "2 kept, 4 refused\n"
    assert "line 3: seats is a text; the fact is declared as number" in err
    assert "line 4: lacks the key 'value'" in err
    assert "line 5: has the key 'at'; known are name, observed_at, subject_id, value" in err
    assert "line 6: " in err
    assert main(["facts", "list", "account", "--id", "c1", "--address", address]) == 0
    told = capsys.readouterr().out
    assert "gold" in told
    assert "2025-03-01 00:00:00" in told
    assert (
        main(["facts", "list", "account", "--id", "c1", "--name", "fee", "--address", address, "--output", "json"]) == 0
    )
    (fact,) = json.loads(capsys.readouterr().out)["facts"]
    assert (fact["name"], fact["value"]) == ("fee", {"decimal": "12.5"})
    assert main(["facts", "get", "account", "c1", "--address", address]) == 0
    told = capsys.readouterr().out
    assert "gold" in told
    # Beside those of the file stand those that the pack declares of accounts; they wrap.
    absent = " ".join(told[told.index("! c1: nothing was observed of") :].split())
    assert "seats, staff" in absent
    assert main(["facts", "get", "account", "c1", "c2", "--name", "tier", "--address", address]) == 1
    assert "! c2: nothing is known of it" in capsys.readouterr().out
    assert main(["facts", "get", "account", "c1", "--name", "tier", "--output", "json", "--address", address]) == 0
    (subject,) = json.loads(capsys.readouterr().out)["subjects"]
    assert [(one["name"], one["value"]) for one in subject["facts"]] == [("tier", "gold")]
    assert main(["facts", "list", "acount", "--address", address]) == 2
    assert "did you mean 'account'?" in capsys.readouterr().err
    assert main(["facts", "put", str(tmp_path / "none"), "--address", address]) == 2
