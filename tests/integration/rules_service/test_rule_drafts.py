"""ListAlertRules, CheckRules and TestRules over a real connection, and every call through both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from trueline import (
    AsyncTruelineClient,
    CaseOutcome,
    Decision,
    FactOrigin,
    FactType,
    FindingKind,
    InvalidRequestError,
    NotFoundError,
    Severity,
    TruelineClient,
)
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_set_pb2
from trueline_server.rules import mapping as mapping_module
from trueline_stores.warehouse.client import Warehouse

from tests.integration.rules_service.rule_world import LOOKS, NOON, alert, document, world
from tests.integration.warehouse.playing import tenant_name

LOW = alert("low", "rate: {kpi: activation_rate}", "warning: rate < 0.3\n  critical: rate < 0.2")
CASES = document(
    "RuleTest",
    "low",
    "rule: low\n  cases:\n"
    "    - {name: fires, given: {rate: 0.25}, expect: {severity: warning}}\n"
    "    - {name: rests, given: {rate: 0.25}, expect: {severity: none}}\n"
    "    - {name: later, skip: not yet, given: {rate: 0.1}, expect: {severity: critical}}",
)
LONG = document(
    "RuleTest",
    "low",
    "rule: low\n  interval: 1s\n  cases:\n    - name: long\n      series: [{fact: rate, values: '1x9'}]\n"
    "      expect: [{at: 1d, alerts: []}]",
)
BROKEN = LOW.replace("warning: rate < 0.3", "warning: rtae < 0.3")
REFUSED = document(
    "Kpi", "away", "unit: x\n  direction: higher\n  target: 1\n  statement: SELECT 1 AS value FROM url('x')"
)

Call = Callable[..., Awaitable[Any]]


async def through_both(address: str, token: str, run: Callable[[Call], Awaitable[None]]) -> None:
    """Run the same calls through the async client and through the sync one on a thread."""
    async with AsyncTruelineClient(address, token=token) as client:
        await run(lambda name, *args, **how: getattr(client, name)(*args, **how))
    with TruelineClient(address, token=token) as plain:
        await run(lambda name, *args, **how: asyncio.to_thread(getattr(plain, name), *args, **how))


def test_rules_in_force(warehouse: Warehouse) -> None:
    """All pages, with facts, their types and where they come from."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:

            async def listed(call: Call) -> None:
                found = await call("alert_rules", page_size=3)
                assert found.rule_revision == w.rules.revision
                assert [rule.name for rule in found.rules] == sorted(w.rules.alert_rules)
                rules = {rule.name: rule for rule in found.rules}
                low = rules["looks_low"]
                assert (low.warning, low.critical, low.for_duration) == ("looks < 4", "looks < 2", timedelta(minutes=5))
                assert (low.on_missing, low.on_no_data, low.on_error, low.limit) == (
                    "no_data",
                    "no_data",
                    "error",
                    1000,
                )
                (looks,) = low.facts
                assert (looks.origin, looks.source, looks.type) == (FactOrigin.KPI, "looks", FactType.NUMBER)
                assert (looks.aggregate, looks.over, looks.by) == ("last", None, None)
                (joined,) = rules["all_plans"].facts
                assert (joined.aggregate, joined.over, joined.by) == ("sum", timedelta(hours=3), ())
                owed = rules["account"].facts[0]
                assert (owed.name, owed.type, owed.unit, owed.nullable) == ("owed", FactType.DECIMAL, "GBP", True)

            await through_both(w.address, w.tenant, listed)
            token = (await w.call("ListAlertRules", pb.ListAlertRulesRequest(page_size=3))).next_page_token
            assert (await w.failure("ListAlertRules", pb.ListAlertRulesRequest(page_token=token + "x")))[1] == (
                "INVALID_TOKEN"
            )

    asyncio.run(run())


def test_files_are_checked(warehouse: Warehouse) -> None:
    """Files that load have counts, warnings and a revision; a broken one is answered with the place."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:

            async def checked(call: Call) -> None:
                good = await call("check_rules", {"low.yaml": LOW})
                assert (good.problems, good.analysed, good.documents["AlertRule"]) == ((), True, 7)
                assert len(good.rule_revision) == 16
                found = [(one.check, one.document, str(one.place)) for one in good.warnings]
                assert found == [("shadowed", "AlertRule low", "low.yaml:6:12")]
                assert good.total_warnings == len(good.warnings)
                empty = await call("check_rules")
                assert empty.rule_revision not in ("", good.rule_revision)

                broken = await call("check_rules", {"low.yaml": LOW, "more/rules.yaml": BROKEN.replace("low", "l2")})
                (problem,) = broken.problems
                assert str(problem.place) == "more/rules.yaml:6:12"
                assert "rtae" in problem.message
                assert (broken.rule_revision, broken.documents, broken.warnings, broken.analysed) == ("", {}, (), False)
                refused = await call("check_rules", {"kpi.yaml": REFUSED})
                (place,) = [problem.place for problem in refused.problems]
                line = REFUSED.splitlines()[place.line - 1]
                assert (place.file, line[place.column - 1 :]) == ("kpi.yaml", "url('x')")
                assert "url" in refused.problems[0].message
                (unknown,) = (await call("check_rules", {}, mapping="nope")).problems
                assert (unknown.place.line, str(unknown.place)) == (0, "mapping")
                large = await call("check_rules", {"large.yaml": "#" * (1024 * 1024 + 1)})
                assert "a rule file has at most 1048576" in large.problems[0].message
                with pytest.raises(InvalidRequestError, match="4194304 are allowed"):
                    await call("check_rules", {f"{number}.yaml": "#" * 1024 * 1024 for number in range(5)})

            await through_both(w.address, w.tenant, checked)
            twice = pb.CheckRulesRequest(
                files=[rule_set_pb2.RuleFile(name="a", text=""), rule_set_pb2.RuleFile(name="a", text="")]
            )
            assert (await w.failure("CheckRules", twice))[2] == {"field": "files[1].name"}
            nameless = pb.CheckRulesRequest(files=[rule_set_pb2.RuleFile(text=LOW)])
            assert (await w.failure("CheckRules", nameless))[2] == {"field": "files[0].name"}

    asyncio.run(run())


def test_files_are_tested(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes, messages and coverage; broken files are problems; tests that take too long are refused."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:

            async def tested(call: Call) -> None:
                report = await call("test_rules", {"low.yaml": f"{LOW}---\n{CASES}"})
                assert (report.problems, report.passed, len(report.rule_revision)) == ((), False, 16)
                own = {one.case: one for one in report.results if one.test == "low"}
                assert [one.outcome for one in own.values()] == [CaseOutcome.PASS, CaseOutcome.FAIL, CaseOutcome.SKIP]
                assert own["rests"].message.startswith("expected none, decided warning\n")
                assert (report.total_results, report.total_rules) == (len(report.results), len(report.coverage))
                (low,) = [rule for rule in report.coverage if rule.rule == "low"]
                assert (low.fires, low.rests, low.gaps[0]) == (True, False, "no case in which it does not fire")
                assert (low.conditions[0].severity, low.conditions[0].seen_true) == (Severity.WARNING, True)
                assert 0 < report.branch_share < 1
                assert (await call("test_rules")).passed

                broken = await call("test_rules", {"low.yaml": BROKEN})
                assert (broken.passed, broken.results, len(broken.problems)) == (False, (), 1)
                with pytest.raises(InvalidRequestError, match=r"play 172,[0-9]+ samples; at most 100,000"):
                    await call("test_rules", {"low.yaml": f"{LOW}---\n{LONG}"})

            await through_both(w.address, w.tenant, tested)
            monkeypatch.setattr(mapping_module, "ANSWER_BYTES", 300)
            files = [rule_set_pb2.RuleFile(name="low.yaml", text=f"{LOW}---\n{CASES}")]
            small = await w.call("TestRules", pb.TestRulesRequest(files=files))
            # Those that passed were left out.
            assert [one.case_name for one in small.results] == ["rests", "later"]
            assert (small.total_results > 3, small.ByteSize() < 500) == (True, True)

    asyncio.run(run())


def test_decisions_through_the_clients(warehouse: Warehouse) -> None:
    """Values of all types, live facts, the tree and the flip arrive typed; failures are typed errors."""

    async def run() -> None:
        async with world(warehouse, tenant_name()) as w:
            w.happen(*LOOKS)
            values = {
                "tier": "gold",
                "owed": Decimal("10.51"),
                "since": datetime(2020, 9, 13, 12, 26, 40, 5, UTC),
                "tags": frozenset({"eu"}),
                "trial": None,
            }

            async def decided(call: Call) -> None:
                found = await call("evaluate_rule", "account", values, at=datetime(2024, 6, 1, 12, tzinfo=UTC))
                assert (found.rule, found.decision, found.total_rows) == ("account", Decision.CRITICAL, 1)
                assert (found.at, found.watermark) == (datetime(2024, 6, 1, 12, tzinfo=UTC), None)
                (row,) = found.rows
                assert (row.values, row.labels, row.decision) == (values, {}, Decision.CRITICAL)
                critical, warning = row.conditions
                assert (critical.severity, critical.truth, critical.missing) == (Severity.CRITICAL, True, ())
                assert (warning.truth, warning.missing, warning.finding.kind) == (None, ("trial",), FindingKind.OR)
                assert warning.finding.parts[0].parts[0].operands[0].value == Decimal("10.51")
                assert warning.flip is not None
                assert warning.flip.truth is True

                live = await call("evaluate_rule", "looks_low")
                assert (live.decision, live.rows[0].values) == (Decision.NONE, {"looks": 5.0})
                assert live.watermark is not None
                assert live.watermark.timestamp() < NOON / 1e6
                unread = await call("evaluate_rule", "plans", {"tier": None}, row_limit=1)
                assert (unread.decision, unread.total_rows, len(unread.rows)) == (Decision.UNKNOWN, 2, 1)
                with pytest.raises(NotFoundError, match="looks_low") as missing:
                    await call("evaluate_rule", "looks_lwo")
                assert (missing.value.reason, missing.value.metadata["nearest"]) == ("UNKNOWN_RULE", "looks_low")
                with pytest.raises(InvalidRequestError, match="declared as number") as wrong:
                    await call("evaluate_rule", "looks_low", {"looks": True})
                assert wrong.value.violations[0].field == "values[looks]"
                with pytest.raises(InvalidRequestError, match="cannot be built"):
                    await call("evaluate_rule", "looks_low", {"looks": object()})

            await through_both(w.address, w.tenant, decided)

    asyncio.run(run())
