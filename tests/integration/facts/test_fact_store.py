"""Facts on the real warehouse: what was put in is what was known at each instant; what does not fit is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.errors import TruelineError
from trueline_server.facts.service import FUTURE_US, FactService, PutFact
from trueline_server.facts.store import FactRow, FactStore
from trueline_stores.warehouse.client import Warehouse

TYPES = ("number", "decimal", "text", "bool", "datetime", "texts")
NOW_US = 1_800_000_000_000_000
_HEAD = (
    "apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {name}}}\n"
    "spec: {{subject: {subject}, type: {type}{more}}}\n"
)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """A fact type of each type about accounts, one that may not be absent, and one about users."""
    documents = [_HEAD.format(name=f"a_{kind}", subject="account", type=kind, more="") for kind in TYPES]
    documents.append(_HEAD.format(name="seats", subject="account", type="number", more=", nullable: false"))
    documents.append(_HEAD.format(name="age", subject="user", type="number", more=""))
    return load_texts([("facts.yaml", "---\n".join(documents))])


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of its own for each test: the warehouse is shared."""
    return f"facts-{abs(hash(request.node.nodeid))}"


@pytest.fixture
def service(warehouse: Warehouse, rules: RuleSet) -> FactService:
    """The use case over the real table."""
    return FactService(FactStore(warehouse), lambda _: rules, lambda: NOW_US)


VALUES = {
    "a_number": 1.5,
    "a_decimal": Decimal("12.500000001"),
    "a_text": "gold é",
    "a_bool": False,
    "a_datetime": datetime(2025, 1, 1, 12, tzinfo=UTC),
    "a_texts": frozenset({"b", "a"}),
}


def test_values_of_every_type_come_back(service: FactService, tenant: str) -> None:
    """A value is read as it was put, also the empty ones and the one that says absent."""
    odd = {"a_text": "", "a_texts": frozenset(), "a_number": None, "a_bool": True}
    facts = [PutFact("one", name, value) for name, value in VALUES.items()]
    facts += [PutFact("two", name, value) for name, value in odd.items()]
    assert service.put(tenant, facts) == (len(facts), [])
    found = {(row.subject_id, row.name): row.value for row in service.list(tenant, "account")}
    assert found == {("one", n): v for n, v in VALUES.items()} | {("two", n): v for n, v in odd.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 5), st.none() | st.integers(0, 9)), max_size=12))
def test_what_was_known_at_an_instant(
    warehouse: Warehouse, tenant: str, puts: list[tuple[str, int, int | None]]
) -> None:
    """The last value observed up to an instant counts, and of several for one instant the one put last."""
    own = f"{tenant}-{uuid4()}"
    store = FactStore(warehouse)
    for revision, (subject_id, at, value) in enumerate(puts, start=1):
        number = None if value is None else float(value)
        store.write(own, [FactRow("account", subject_id, "a_number", at, number)], revision)
    for instant in range(7):
        expected = {}
        for subject_id in "ab":
            known = [(at, n, value) for n, (one, at, value) in enumerate(puts) if one == subject_id and at <= instant]
            if known:
                value = max(known)[2]
                expected[subject_id] = None if value is None else float(value)
        found = store.as_of(own, "account", instant)
        assert {row.subject_id: row.value for row in found} == expected


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    puts=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.sampled_from([None, 1.0, 2.0])), max_size=12),
    start=st.integers(-1, 6),
    end=st.integers(-1, 7),
)
def test_what_was_observed_between_two_instants(
    warehouse: Warehouse, puts: list[tuple[str, int, float | None]], start: int, end: int
) -> None:
    """Behind the start, up to the end, by subject and instant, absent ones too; put again, the last that was put."""
    tenant, store = f"between-{uuid4().hex}", FactStore(warehouse)
    kept: dict[tuple[str, int], float | None] = {}
    for revision, (subject, at, value) in enumerate(puts, start=1):
        store.write(tenant, [FactRow("account", subject, "seats", NOW_US + at, value)], revision)
        kept[subject, at] = value
    found = store.between(tenant, "account", "seats", NOW_US + start, NOW_US + end)
    assert [(row.subject_id, row.observed_at_us - NOW_US, row.value) for row in found] == [
        (*key, kept[key]) for key in sorted(kept) if start < key[1] <= end
    ]
    assert store.between(tenant, "account", "seats", NOW_US + start, NOW_US + end, most=1) == found[:1]


def test_reading_a_part(service: FactService, tenant: str) -> None:
    """By subject, by name, and page by page in the order of name and subject; other kinds and tenants are not seen."""
    facts = [PutFact(subject_id, name, 1.0) for subject_id in ("x", "y") for name in ("seats", "a_number")]
    service.put(tenant, [*facts, PutFact("x", "age", 30.0)])

    def keys(**how: object) -> list[tuple[str, str]]:
        return [(row.name, row.subject_id) for row in service.list(tenant, "account", **how)]  # type: ignore[arg-type]

    everything = [("a_number", "x"), ("a_number", "y"), ("seats", "x"), ("seats", "y")]
    assert keys() == everything
    assert keys(subject_id="y") == [("a_number", "y"), ("seats", "y")]
    assert keys(names=["seats"]) == everything[2:]
    assert keys(most=3) == everything[:3]
    assert keys(after=("a_number", "y")) == everything[2:]
    assert [row.value for row in service.list(tenant, "user")] == [30.0]
    assert service.list(f"{tenant}-other", "account") == []


def test_a_later_call_wins_although_the_clock_stands(service: FactService, tenant: str) -> None:
    """Of two calls in the same microsecond the second counts; within a call the last."""
    service.put(tenant, [PutFact("x", "seats", 1.0, 5), PutFact("x", "seats", 2.0, 5)])
    service.put(tenant, [PutFact("x", "seats", 3.0, 5)])
    assert [row.value for row in service.list(tenant, "account")] == [3.0]


WRONG = [
    (PutFact("", "seats", 1.0), "subject_id", "MISSING_FIELD", "say which account"),
    (PutFact("x" * 129, "seats", 1.0), "subject_id", "FIELD_TOO_LARGE", "has 129 bytes, at most 128"),
    (PutFact("x", "seat", 1.0), "name", "UNKNOWN_FACT", "did you mean 'seats'?"),
    (PutFact("x", "seats", "many"), "value", "INVALID_FIELD", "seats is a text; the fact is declared as number"),
    (PutFact("x", "seats", True), "value", "INVALID_FIELD", "seats is true or false"),
    (PutFact("x", "seats", None), "value", "MISSING_FIELD", "seats may not be absent"),
    (PutFact("x", "seats", float("nan")), "value", "VALUE_OUT_OF_RANGE", "must be finite"),
    (PutFact("x", "a_decimal", Decimal("1e30")), "value", "VALUE_OUT_OF_RANGE", "at most 29 digits"),
    (PutFact("x", "a_decimal", Decimal("1e-10")), "value", "VALUE_OUT_OF_RANGE", "9 behind it"),
    (PutFact("x", "seats", 1.0, NOW_US + FUTURE_US + 1), "observed_at", "FAR_FUTURE", "more than an hour ahead"),
]


def test_what_is_wrong_is_refused_one_by_one(service: FactService, tenant: str) -> None:
    """Each mistake is told with its place, field, reason and way out, and the facts around it are kept."""
    facts = [one for wrong, *_ in WRONG for one in (wrong, PutFact("good", "seats", 1.0))]
    accepted, rejections = service.put(tenant, facts)
    assert accepted == len(WRONG)
    assert [(one.index, one.field, one.reason) for one in rejections] == [
        (2 * number, field, reason) for number, (_, field, reason, _) in enumerate(WRONG)
    ]
    for one, (_, _, _, words) in zip(rejections, WRONG, strict=True):
        assert words in one.message
    assert [row.subject_id for row in service.list(tenant, "account")] == ["good"]


@pytest.mark.parametrize(
    ("subject", "names", "message"),
    [("acount", (), "did you mean 'account'?"), ("account", ("seat",), "did you mean 'seats'?")],
)
def test_asking_for_what_is_not_known(
    service: FactService, tenant: str, subject: str, names: tuple[str, ...], message: str
) -> None:
    """A kind of subject and a name that no fact type has are not found, with the nearest that is."""
    with pytest.raises(TruelineError, match="is no") as caught:
        service.list(tenant, subject, names=names)
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "UNKNOWN_FACT")
    assert message in caught.value.message


def test_what_is_known_of_subjects(service: FactService, tenant: str) -> None:
    """Subjects come in the order asked, each once, as they were then; what is not known is named, absence is known."""
    service.put(
        tenant, [PutFact("x", "seats", 1.0, 5), PutFact("x", "seats", 2.0, 9), PutFact("y", "a_number", None, 5)]
    )

    def told(*ids: str, **how: Any) -> list[tuple[str, dict[str, object], tuple[str, ...]]]:
        found = service.get(tenant, "account", ids, **how)
        return [(one.subject_id, {row.name: row.value for row in one.facts}, one.unknown) for one in found]

    both: dict[str, Any] = {"names": ["seats", "a_number"]}
    assert told("y", "x", "y", "z", at_us=6, **both) == [
        ("y", {"a_number": None}, ("seats",)),
        ("x", {"seats": 1.0}, ("a_number",)),
        ("z", {}, ("a_number", "seats")),
    ]
    assert told("x", at_us=9, names=["seats"]) == [("x", {"seats": 2.0}, ())]
    assert told("x", at_us=4, names=["seats"]) == [("x", {}, ("seats",))]
    ((_, known, unknown),) = told("x")
    assert known == {"seats": 2.0}
    assert {"a_number", "a_text"} <= set(unknown)
    for subject, names in (("acount", ()), ("account", ("seat",)), ("user", ("seats",))):
        with pytest.raises(TruelineError, match="is no") as caught:
            service.get(tenant, subject, ["x"], names=names)
        assert caught.value.reason == "UNKNOWN_FACT"


def test_facts_outlive_the_process(tmp_path: Path, rules: RuleSet) -> None:
    """Another warehouse on the same directory reads them."""
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path\n"
        "from trueline_stores.warehouse.client import Warehouse\n"
        "from trueline_server.facts.store import FactRow, FactStore\n"
        "w = Warehouse.chdb(Path(sys.argv[1])); w.migrate(); s = FactStore(w)\n"
        "s.write('t', [FactRow('account', 'x', 'seats', 5, 7.0)], 1) if sys.argv[2] == 'put' else None\n"
        "print([row.value for row in s.as_of('t', 'account', 9)])\n"
    )
    for step in ("put", "read"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "warehouse"), step],
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == "[7.0]"
