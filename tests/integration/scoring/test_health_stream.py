"""All accounts as a stream: counts first, by id, filtered, ended when the reader leaves; churn beside it; monotone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.loader import load_texts
from trueline_server.churn.outlook import Foresight, Outlook
from trueline_server.churn.population import ChurnPopulation
from trueline_server.churn.service import ChurnService
from trueline_server.errors import TruelineError
from trueline_server.scoring.account_batch import HealthStream, send_healths
from trueline_server.scoring.account_health import health_of
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.streaming import Block

from tests.integration.churn.churn_world import rules_of as churn_rules
from tests.integration.scoring.health_world import DAY_US, NOW_US, PROFILE, HealthWorld, rules_of

WELL = {"tickets": 0.0, "state": "good", "price": 99.0, "yearly": True}
UNWELL = {"tickets": 7.0, "state": "poor", "price": 1.0, "yearly": False}


def _stream(world: HealthWorld, **asked: object) -> HealthStream:
    request = pb.BatchScoreAccountHealthRequest(**asked)  # type: ignore[arg-type]
    return world.batch.open(world.tenant, world.rules, request)


def _sent(stream: HealthStream, *, counts_only: bool = False) -> list[pb.BatchScoreAccountHealthResponse]:
    found: list[bytes] = []

    async def write(message: bytes) -> None:
        found.append(message)

    asyncio.run(send_healths(stream, write, counts_only=counts_only))
    return [pb.BatchScoreAccountHealthResponse.FromString(one) for one in found]


def test_counts_are_of_all_and_accounts_of_the_classes_wanted(world: HealthWorld) -> None:
    """A thousand accounts in a message; the counts alone are the same."""
    for number in range(1_200):
        world.put(f"a{number:04d}", **(WELL if number % 6 else UNWELL))  # type: ignore[arg-type]
    first, *rest = _sent(_stream(world, health=["healthy"]))
    counts = {one.health: one.accounts for one in first.counts}
    assert counts == {"healthy": 1000, "warning": 0, "at_risk": 0, "critical": 200, "insufficient_data": 0}
    assert list(first.dimensions) == ["activity", "money", "support"]
    assert (first.at.ToMicroseconds(), first.profile, first.rule_revision) == (
        *(NOW_US, "account_health"),
        world.rules.revision,
    )
    assert [one.account_id for message in rest for one in message.accounts] == [
        f"a{number:04d}" for number in range(1_200) if number % 6
    ]
    (only,) = _sent(_stream(world, counts_only=True), counts_only=True)
    assert only.counts == first.counts
    first, *rest = _sent(_stream(world, account_ids=["a0001", "nobody", "a0000", "a0001"]))
    assert [one.account_id for message in rest for one in message.accounts] == ["a0000", "a0001"]
    (nobody,) = _sent(_stream(HealthWorld(world.warehouse, f"{world.tenant}-none")))
    assert sum(one.accounts for one in nobody.counts) == 0
    with pytest.raises(
        TruelineError, match=r"health\[1\] is 'heathy', no class of account_health; did you mean 'healthy'"
    ):
        _stream(world, health=["critical", "heathy"])


def test_a_reader_that_leaves_ends_the_statement(world: HealthWorld) -> None:
    """Whether it leaves while accounts are scored or while they are sent; one that takes nothing is cut."""
    world.put("a", **WELL)  # type: ignore[arg-type]
    ended: list[str] = []

    class Endless:
        """A warehouse that goes on until it is told to stop."""

        def __init__(self) -> None:
            self._stopped = False
            self.began = threading.Event()

        def blocks(self) -> Iterator[Block]:
            self.began.set()
            while not self._stopped:
                yield ((), (), (), ())
            ended.append("statement")

        def stop(self) -> None:
            self._stopped = True

    warehouse = Endless()
    endless = HealthStream(warehouse, world.profile, "r", NOW_US, frozenset())  # type: ignore[arg-type]

    async def never(_: bytes) -> None:
        await asyncio.Event().wait()

    async def leave() -> None:
        sending = asyncio.ensure_future(send_healths(endless, never))
        await asyncio.to_thread(warehouse.began.wait)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(leave())
    assert ended == ["statement"]
    with pytest.raises(TruelineError, match=r"no message was taken for 0\.01 s") as caught:
        asyncio.run(send_healths(_stream(world), never, patience_s=0.01))
    assert caught.value.reason == "SLOW_READER"


def test_churn_is_that_of_the_plain_rule(world: HealthWorld) -> None:
    """The same by itself and among all; none where no feature is known."""
    churn = churn_rules()
    document = churn.documents["ChurnModel"]["small"]
    form = "apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {}}}\nspec: {{subject: account, type: {}}}\n"
    facts = "---\n".join(form.format(*one) for one in (("seats", "number"), ("plan", "text"), ("pays_yearly", "bool")))
    foresight = Foresight(document, churn.fact_types)  # type: ignore[arg-type]
    rules = rules_of()
    world.rules = load_texts([("more.yaml", facts)])
    world.rules = type(rules)(
        **{name: getattr(rules, name) for name in rules.__dataclass_fields__ if name != "fact_types"},
        fact_types={**rules.fact_types, **world.rules.fact_types},
    )
    world.put("tiny", seats=1.0, price=9.0)
    world.put("free", seats=8.0, plan="free", pays_yearly=False)
    world.put("large", seats=80.0, plan="pro")
    world.put("none", **WELL)  # type: ignore[arg-type]
    found = {str(row["account_id"]): row["churn"] for row in world.all(foresight)}
    known = {
        "tiny": {"seats": 1.0, "price": 9.0},
        "free": {"seats": 8.0, "plan": "free", "pays_yearly": False},
        "large": {"seats": 80.0, "plan": "pro"},
        "none": {"price": 99.0},
    }

    def alone(account: str) -> Outlook:
        from trueline_server.churn.service import accounts_of

        values = known[account]
        return foresight.outlooks(accounts_of([account], [values], document.names), [values])[0]  # type: ignore[attr-defined]

    assert found == {account: alone(account).probability for account in known}
    assert (found["tiny"], found["free"], found["large"]) == (0.4, 0.2, 0.1)


def test_churn_by_metrics_is_that_of_the_churn_service(world: HealthWorld, tmp_path: Path) -> None:
    """Beside the health, with defaults, missing values and `among`: the same as of each account by itself."""
    model = (
        "---\napiVersion: trueline/v1\nkind: ChurnModel\nmetadata: {name: accounts}\nspec:\n"
        "  features:\n    - tickets\n"
        "    - {name: seen_10d, from: {metric: seen_daily, over: 10d, agg: sum}, on_missing: {default: 0}}\n"
        "    - {name: paid, from: {metric: paid_daily, over: 30d, agg: avg}}\n"
        "    - {name: people, from: {metric: users_weekly, over: 30d, agg: max}, on_missing: {default: -1}}\n"
        "  label: {events: [closed]}\n"
        "  fallback:\n"
        "    - {when: paid > 10 and people < 0, probability: 0.01}\n"
        "    - {when: seen_10d == 0, probability: 0.9}\n"
        "    - {when: seen_10d < 3, probability: 0.5}\n"
        "    - {when: tickets > 3, probability: 0.3}\n"
    )
    world.rules = rules_of(PROFILE + model)
    ago = NOW_US - DAY_US - 1
    world.send([{"account": "seen", "name": "seen", "at_us": ago, "user": f"u{number}"} for number in range(5)])
    world.send([{"account": "once", "name": "seen", "at_us": ago}, {"account": "pays", "name": "paid", "at_us": ago}])
    world.send([{"account": "pays", "name": "paid", "at_us": ago, "value": Decimal(20)}])
    world.send([{"account": "old", "name": "other", "at_us": ago - 99 * DAY_US}])
    world.put("known", tickets=4.0)
    population = ChurnPopulation(world.warehouse)
    state = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    churn = ChurnService(state, lambda _: world.rules, world.facts, population, lambda: world.now_us)
    foresight = churn.foresight(world.tenant)
    expected = {"seen": 0.05, "once": 0.5, "pays": 0.01, "old": 0.9, "known": 0.3}
    found = {str(row["account_id"]): row["churn"] for row in world.all(foresight)}
    alone = churn.outlooks(world.tenant, list(expected), foresight)
    assert found == expected
    assert {account: one.probability for account, one in alone.items()} == expected
    world.rules = rules_of(PROFILE + model + "  among: seen_10d > 0 or tickets > 3\n")
    foresight = churn.foresight(world.tenant)
    about = {account: expected[account] for account in ("seen", "once", "known")}
    found = {str(row["account_id"]): row["churn"] for row in world.all(foresight)}
    assert found == {account: about.get(account) for account in expected}
    alone = churn.outlooks(world.tenant, list(expected), foresight)
    assert {account: one.probability for account, one in alone.items()} == about
    state.close()


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_more_of_what_is_good_never_lowers_the_score(data: st.DataObject) -> None:
    """Also beyond the ends of a range, whatever else is known; less of what is bad does not, either."""
    world = HealthWorld(None, "t")  # type: ignore[arg-type]
    profile = world.profile
    numbers = [one for one in profile.inputs if one.curve is not None]
    row: dict[str, object] = {f"x{one.place}": data.draw(st.none() | st.floats(-50, 400)) for one in numbers}
    row |= {"active": 1, "persona": data.draw(st.sampled_from(["", "agency"]))}
    chosen = data.draw(st.sampled_from(numbers))
    less, more = sorted((data.draw(st.floats(-50, 400)), data.draw(st.floats(-50, 400))))
    first = health_of(profile, {**row, f"x{chosen.place}": less}).overall.ends
    last = health_of(profile, {**row, f"x{chosen.place}": more}).overall.ends
    # A dimension that weighs nothing for the persona may be all that is known.
    if first is None or last is None:
        assert first == last
    elif chosen.curve is not None and chosen.curve.rises:
        assert first[0] <= last[0]
    else:
        assert first[0] >= last[0]
