"""EvaluateRule over a real connection: live facts from a real warehouse, given facts, and requests that are wrong."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import decision_pb2, fact_pb2
from trueline.v1 import rule_service_pb2 as pb
from trueline_server.transport.times import timestamp_of
from trueline_stores.warehouse.client import Warehouse

from tests.integration.rules_service.rule_world import LOOKS, NOON, looked, world
from tests.integration.warehouse.playing import tenant_name
from tests.unit.streams.support import HOUR, MINUTE, SECOND


def number(value: float) -> fact_pb2.FactValue:
    """A number."""
    return fact_pb2.FactValue(number_value=value)


def text(value: str) -> fact_pb2.FactValue:
    """A text."""
    return fact_pb2.FactValue(text_value=value)


def test_a_live_kpi_decides(warehouse: Warehouse) -> None:
    """The latest value is judged, and the answer says why and what would turn it; more events decide otherwise."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.happen(*LOOKS[:3])
            answer = await w.evaluate("looks_low")
            assert (answer.decision, answer.rule_revision) == (decision_pb2.DECISION_WARNING, w.rules.revision)
            assert answer.at == timestamp_of(NOON + MINUTE)
            assert answer.HasField("watermark")
            (row,) = answer.rows
            assert (dict(row.labels), row.values["looks"], row.decision) == (
                {},
                number(3),
                decision_pb2.DECISION_WARNING,
            )
            critical, warning = row.conditions
            assert (critical.severity, critical.truth) == (decision_pb2.SEVERITY_CRITICAL, decision_pb2.TRUTH_FALSE)
            assert (warning.severity, warning.truth) == (decision_pb2.SEVERITY_WARNING, decision_pb2.TRUTH_TRUE)
            assert warning.sentence == "fires, because looks < 4 is true (looks = 3); stops at looks >= 4; now 3"
            (change,) = warning.flip.changes
            assert (change.fact, change.value, warning.flip.truth) == ("looks", number(4), decision_pb2.TRUTH_FALSE)
            assert warning.finding.kind == decision_pb2.FINDING_KIND_CONDITION
            assert warning.finding.operands[0] == decision_pb2.FindingOperand(text="looks", value=number(3), shown="3")

            w.happen(*LOOKS[3:])
            await asyncio.to_thread(w.materialiser.refresh, w.tenant)
            assert (await w.evaluate("looks_low")).decision == decision_pb2.DECISION_NONE
            past = await w.evaluate("looks_low", at=timestamp_of(NOON - HOUR - 30 * MINUTE))
            assert (past.decision, past.rows[0].values["looks"]) == (decision_pb2.DECISION_CRITICAL, number(1))

    asyncio.run(run())


def test_without_a_value_it_is_unknown_and_says_why(warehouse: Warehouse) -> None:
    """A KPI without a value, a tenant without events, a fact type that nobody gave: unknown, with the reason."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            empty = await w.evaluate("looks_low")
            assert (empty.decision, empty.notes["looks"]) == (decision_pb2.DECISION_UNKNOWN, "there are no events yet")
            assert not empty.HasField("watermark")
            w.happen(*LOOKS)
            answer = await w.evaluate("nothing_low")
            assert (answer.decision, answer.notes["nothing"]) == (
                decision_pb2.DECISION_UNKNOWN,
                "the statement answered no value",
            )
            (condition,) = answer.rows[0].conditions
            assert (list(condition.missing), condition.truth) == (["nothing"], decision_pb2.TRUTH_UNKNOWN)
            assert answer.rows[0].values["nothing"].WhichOneof("kind") is None
            account = await w.evaluate("account")
            assert account.decision == decision_pb2.DECISION_UNKNOWN
            assert account.notes["tier"] == "no account has a value for fact tier; put it in, or give it"

    asyncio.run(run())


def test_history_of_a_kpi(warehouse: Warehouse) -> None:
    """An operand over a window reads the values that were kept."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            assert (await w.evaluate("looks_once")).notes["looks"] == "no value of KPI looks is kept of the window"
            w.happen(*LOOKS[:3])
            await asyncio.to_thread(w.materialiser.refresh, w.tenant)
            w.clock.turn(3600)
            assert (await w.evaluate("looks_once")).decision == decision_pb2.DECISION_WARNING
            w.clock.turn(7200)
            later = await w.evaluate("looks_once", at=timestamp_of(NOON + 4 * HOUR))
            assert (later.decision, later.total_rows) == (decision_pb2.DECISION_UNKNOWN, 1)

    asyncio.run(run())


def test_a_metric_has_a_row_for_each_label_set(warehouse: Warehouse) -> None:
    """Rows are worst first; a value that is given is that of every row; `by` joins them."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.happen(*LOOKS)
            answer = await w.evaluate("plans", values={"tier": text("gold")})
            assert (answer.decision, answer.total_rows) == (decision_pb2.DECISION_WARNING, 2)
            assert [(dict(row.labels), row.decision, row.values["n"]) for row in answer.rows] == [
                ({"plan": "pro"}, decision_pb2.DECISION_WARNING, number(1)),
                ({"plan": "free"}, decision_pb2.DECISION_NONE, number(2)),
            ]
            assert all(row.values["tier"] == text("gold") for row in answer.rows)
            assert answer.watermark == timestamp_of(NOON + 30 * SECOND - 2 * MINUTE)
            one = await w.evaluate("plans", values={"tier": text("gold")}, row_limit=1)
            assert (len(one.rows), one.total_rows) == (1, 2)
            unknown = await w.evaluate("plans", values={"tier": fact_pb2.FactValue()})
            assert [row.decision for row in unknown.rows] == [decision_pb2.DECISION_UNKNOWN, decision_pb2.DECISION_NONE]
            # Of ten to eleven and eleven to noon; noon's window has not ended.
            assert (await w.evaluate("all_plans")).rows[0].values["n"] == number(5)

    asyncio.run(run())


def test_windows_without_events_count_as_none(warehouse: Warehouse) -> None:
    """A count without groups is 0 where nothing happened; one with groups has no row, which is unknown."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            assert (await w.evaluate("quiet")).decision == decision_pb2.DECISION_UNKNOWN
            w.happen(looked(4), *LOOKS)
            assert (await w.evaluate("quiet")).decision == decision_pb2.DECISION_NONE
            three_hours_ago = timestamp_of(NOON - 2 * HOUR)
            quiet = await w.evaluate("quiet", at=three_hours_ago)
            assert (quiet.decision, quiet.rows[0].values["n"]) == (decision_pb2.DECISION_CRITICAL, number(0))
            gone = await w.evaluate("plans", values={"tier": text("gold")}, at=timestamp_of(NOON + 9 * HOUR))
            assert (gone.decision, gone.total_rows, len(gone.rows)) == (decision_pb2.DECISION_UNKNOWN, 0, 0)
            assert gone.notes["n"] == "metric by_plan has no window with a value that ended in time"

    asyncio.run(run())


def test_a_finished_import_is_judged_at_its_end(warehouse: Warehouse) -> None:
    """Nothing is live, so the default instant is that of the last event."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.happen(*LOOKS, finished=True)
            answer = await w.evaluate("looks_low")
            assert answer.at == timestamp_of(NOON - 30 * MINUTE)

    asyncio.run(run())


def test_given_facts_of_every_type(warehouse: Warehouse) -> None:
    """Values of all types come and go as they are; what is unset is missing and not read."""

    async def run() -> None:
        values = {
            "tier": text("gold"),
            "owed": fact_pb2.FactValue(decimal_value="10.51"),
            "since": fact_pb2.FactValue(timestamp_value=Timestamp(seconds=1_600_000_000)),
            "tags": fact_pb2.FactValue(texts_value=fact_pb2.TextSet(texts=["eu", "beta"])),
            "trial": fact_pb2.FactValue(bool_value=False),
        }
        async with world(warehouse, tenant_name()) as w:
            answer = await w.evaluate("account", values=values)
            assert (answer.decision, dict(answer.notes)) == (decision_pb2.DECISION_CRITICAL, {})
            told = dict(answer.rows[0].values)
            values["tags"] = fact_pb2.FactValue(texts_value=fact_pb2.TextSet(texts=["beta", "eu"]))
            assert told == values
            tree = answer.rows[0].conditions[1].finding
            assert [tree.kind, *(part.kind for part in tree.parts)] == [
                decision_pb2.FINDING_KIND_OR,
                decision_pb2.FINDING_KIND_AND,
                decision_pb2.FINDING_KIND_CONDITION,
            ]
            mild = await w.evaluate("account", values={**values, "tier": text("free")})
            assert mild.decision == decision_pb2.DECISION_WARNING
            # 10.5 as a number is the decimal 10.5, which is not above 10.50.
            exact = await w.evaluate("account", values={**values, "tier": text("free"), "owed": number(10.5)})
            assert exact.decision == decision_pb2.DECISION_NONE
            assert exact.rows[0].values["owed"] == fact_pb2.FactValue(decimal_value="10.5")

    asyncio.run(run())


def test_facts_that_were_put_in(warehouse: Warehouse) -> None:
    """Each subject is a row, with its facts as they were at the instant; one that lacks a fact is unknown."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.put("tier", NOON - HOUR, ann="gold", bob="free", cy="gold")
            w.put("owed", NOON - HOUR, ann=Decimal("10.01"), bob=Decimal(99))
            answer = await w.evaluate("rich")
            assert [(dict(row.labels), row.decision) for row in answer.rows] == [
                ({"account": "ann"}, decision_pb2.DECISION_CRITICAL),
                ({"account": "cy"}, decision_pb2.DECISION_UNKNOWN),
                ({"account": "bob"}, decision_pb2.DECISION_NONE),
            ]
            assert answer.rows[0].values["owed"].decimal_value.startswith("10.01")
            given = await w.evaluate("rich", values={"owed": number(1)})
            assert (given.decision, given.total_rows) == (decision_pb2.DECISION_NONE, 3)
            assert (answer.pushed_down, answer.pushdown_note) == (True, "")
            assert answer.counts == decision_pb2.DecisionCounts(critical=1, unknown=1, none=1)
            assert answer.rows[0].conditions[0].sentence.startswith("fires, because")
            short = await w.evaluate("rich", row_limit=1)
            assert (len(short.rows), short.total_rows, short.counts) == (1, 3, answer.counts)
            before = await w.evaluate("rich", at=timestamp_of(NOON - 2 * HOUR))
            assert (before.decision, before.total_rows) == (decision_pb2.DECISION_UNKNOWN, 0)
            assert before.notes["tier"] == (
                "no account has a value for fact tier at 2024-06-01 10:00:00 UTC: what was put in was observed from "
                "2024-06-01 11:00:00 UTC on; judge an instant from then on, put it in as observed earlier, or give it"
            )
            early = await w.evaluate("early")
            assert (early.total_rows, early.notes.keys()) == (2, {"tier"})

    asyncio.run(run())


def test_what_the_warehouse_decides_alone_and_what_not(warehouse: Warehouse) -> None:
    """A KPI, and a value that is given, is the same for all subjects. What has label sets of its own, and a condition
    without an equal in SQL, is judged row by row, which the answer says; a rule without such facts says nothing of it.
    """

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.happen(*LOOKS)
            w.put("owed", NOON - HOUR, ann=Decimal("5.01"), bob=Decimal(5))
            w.put("tier", NOON - HOUR, ann="gold", bob="free")
            seen = await w.evaluate("seen")
            assert (seen.pushed_down, seen.counts) == (True, decision_pb2.DecisionCounts(warning=1, none=1))
            assert seen.rows[0].values["looks"] == number(5)
            assert seen.HasField("watermark")
            mixed = await w.evaluate("mixed")
            assert (mixed.pushed_down, mixed.decision) == (False, decision_pb2.DECISION_WARNING)
            assert mixed.pushdown_note.startswith("the warning condition: a decimal meets a float64 number")
            loud = await w.evaluate("loud")
            assert (loud.pushed_down, loud.counts) == (False, decision_pb2.DecisionCounts(warning=1, none=1))
            assert "'.as_upper' of ClickHouse differs" in loud.pushdown_note
            watched = await w.evaluate("watched", values={"n": number(1)})
            assert (watched.pushed_down, watched.counts) == (True, loud.counts)
            found = await w.failure("EvaluateRule", pb.EvaluateRuleRequest(rule="watched"))
            assert found[1] == "FACTS_DO_NOT_JOIN"
            kpi = await w.evaluate("looks_low")
            assert (kpi.pushed_down, kpi.pushdown_note, kpi.counts) == (False, "", decision_pb2.DecisionCounts(none=1))

    asyncio.run(run())


WRONG = [
    ({"rule": "looks_lwo"}, "UNKNOWN_RULE", {"rule": "looks_lwo", "nearest": "looks_low"}, "mean 'looks_low'?"),
    (
        {"rule": "looks_low", "values": {"lokos": number(1)}},
        "INVALID_FIELD",
        {"field": "values[lokos]", "nearest": "looks"},
        "did you mean 'looks'?",
    ),
    (
        {"rule": "looks_low", "values": {"looks": text("many")}},
        "INVALID_FIELD",
        {"field": "values[looks]"},
        "is a text; the fact is declared as number",
    ),
    (
        {"rule": "account", "values": {"owed": fact_pb2.FactValue(decimal_value="1e5")}},
        "INVALID_FIELD",
        {"field": "values[owed].decimal_value"},
        "write digits like 12.50",
    ),
    ({"rule": ""}, "INVALID_FIELD", {"field": "rule"}, "is required"),
    ({"rule": "looks_low", "at": Timestamp(seconds=5)}, "INVALID_FIELD", {"field": "at"}, "1971"),
    ({"rule": "looks_low", "row_limit": -1}, "INVALID_FIELD", {"field": "row_limit"}, "at least 0"),
]


@pytest.mark.parametrize(
    ("request_fields", "reason", "metadata", "message"), WRONG, ids=[str(case[2]) for case in WRONG]
)
def test_wrong_requests_name_what_is_wrong(
    warehouse: Warehouse, request_fields: dict[str, object], reason: str, metadata: dict[str, str], message: str
) -> None:
    """Unknown rules are NOT_FOUND, all else is INVALID_ARGUMENT, with the field and the nearest name."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            found = await w.failure("EvaluateRule", pb.EvaluateRuleRequest(**request_fields))  # type: ignore[arg-type]
            code = "NOT_FOUND" if reason == "UNKNOWN_RULE" else "INVALID_ARGUMENT"
            assert found[:3] == (code, reason, metadata)
            assert message in found[3]

    asyncio.run(run())


def test_facts_that_share_no_label(warehouse: Warehouse) -> None:
    """A rule whose facts cannot be joined says so, and names them."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.happen(*LOOKS)
            found = await w.failure("EvaluateRule", pb.EvaluateRuleRequest(rule="apart"))
            assert found[:3] == ("FAILED_PRECONDITION", "FACTS_DO_NOT_JOIN", {"rule": "apart"})
            assert "share no label to join on (a by plan, b by currency)" in found[3]

    asyncio.run(run())
