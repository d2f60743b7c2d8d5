"""The use case of alert rules: what is in force, and what a rule decides, with the reasons. No protobuf."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from trueline_rules.alert_rules import SEVERITIES, CompiledRule, compile_rule
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.vectors import AlertingError, Labels, Row, Value
from trueline_rules.expressions.errors import FactValueError
from trueline_rules.expressions.explaining import Explanation
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_rules.stopping import Stopped, never

from trueline_server.clock import Clock
from trueline_server.decisions.requests import Request, RequestLog
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.kpis.instants import FINISHED_US, FIRST_US, Clocks
from trueline_server.rules.drafts import Checked, Draft, RefusedStatements, Tested, check_draft, run_draft
from trueline_server.rules.given import Given, given_vectors
from trueline_server.rules.in_force import RulesOf
from trueline_server.rules.live_facts import Asked, LiveFacts, LiveValues
from trueline_server.rules.pushdown import is_read_in_bulk, push_down

# The worst first. Not knowing is worse than knowing that all is well, and less than knowing what is not.
DECISIONS = ("critical", "warning", "unknown", "none")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """What a rule decides about one label set.

    Attributes:
        labels: that its facts share.
        values: by fact; None = missing.
        decision: one of DECISIONS.
        explanations: by severity, critical first.
        decision_id: in the decision log; "" if it is not logged.

    """

    labels: Labels
    values: Mapping[str, Value | None]
    decision: str
    explanations: Mapping[str, Explanation]
    decision_id: str = ""


@dataclass(frozen=True, slots=True)
class _Judged:
    """Counts by decision, and the rows that are answered; the note says why the warehouse did not judge them all."""

    counts: tuple[int, int, int, int]
    rows: Sequence[Row]
    pushed_down: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a rule decides.

    Attributes:
        rule: its name.
        decision: the worst of all rows; "unknown" if there is none.
        revision: of the rule set that decided.
        at_us: the instant judged (µs since 1970, UTC).
        watermark_us: up to where the events behind live facts were complete; None if there are none.
        rows: the worst first, then by labels; at most as many as asked for.
        counts: how many label sets there are of each of DECISIONS, in their order.
        notes: fact -> why it has no value, for people.
        pushed_down: whether the warehouse decided about all subjects at once.
        pushdown_note: why it did not, although facts that were put in are read; "" else.
        decision_id: in the decision log, of the first row, or of the decision that nothing is known if there is none;
            "" if it is not logged.

    """

    rule: str
    decision: str
    revision: str
    at_us: int
    watermark_us: int | None
    rows: tuple[DecidedRow, ...]
    counts: tuple[int, int, int, int]
    notes: Mapping[str, str]
    pushed_down: bool = False
    pushdown_note: str = ""
    decision_id: str = ""

    @property
    def total_rows(self) -> int:
        """How many label sets there are."""
        return sum(self.counts)


class RuleService:
    """Answers about alert rules. Methods block unless they say otherwise; thread-safe."""

    def __init__(
        self,
        rules: RulesOf,
        facts: LiveFacts,
        clocks: Clocks,
        clock: Clock,
        refused_statements: RefusedStatements,
        *,
        requests: RequestLog | None = None,
    ) -> None:
        """Decisions on request are logged in `requests`; None = nowhere."""
        self._rules = rules
        self._facts = facts
        self._clocks = clocks
        self._clock = clock
        self._refused_statements = refused_statements
        self._requests = requests

    def in_force(self, tenant: str) -> RuleSet:
        """The rules in force for a tenant. Does not block."""
        return self._rules(tenant)

    def check(self, draft: Draft, stopped: Stopped = never) -> Checked:
        """Say what is wrong with rule files; see `check_draft`."""
        return check_draft(draft, self._refused_statements, stopped)

    def test(self, draft: Draft, stopped: Stopped = never) -> Tested:
        """Run the tests in rule files; see `run_draft`."""
        return run_draft(draft, self._refused_statements, stopped)

    def evaluate(
        self,
        tenant: str,
        rule: str,
        given: Mapping[str, Given],
        at_us: int | None = None,
        *,
        row_limit: int = 100,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Decided:
        """Say what a rule in force decides about values and live facts, and why.

        Args:
            tenant: whose facts.
            rule: its name.
            given: fact -> value, None = missing; the others are read live.
            at_us: the instant judged; None = the default of the tenant.
            row_limit: most rows that are answered.
            stopped: asked before each fact is read; once it says yes, the work ends.

        Raises:
            TruelineError: UNKNOWN_RULE; INVALID_FIELD (unknown fact, another type, an instant before 1971 or after
                2100, a fact that was put in as another type than it has now); TOO_MANY_POINTS; FACTS_DO_NOT_JOIN;
                NOT_SERVING, if it was stopped.

        """
        if at_us is not None and not FIRST_US <= at_us < FINISHED_US:
            raise invalid_field("at", "is not a time between the years 1971 and 2100")
        rules = self._rules(tenant)
        compiled = self._compile(rules, rule)
        vectors = given_vectors(compiled, given)
        asked = Asked(tenant, rules, self._instant(tenant) if at_us is None else at_us, at_us is None, stopped)
        live = LiveValues(vectors=vectors)
        now = _EPOCH + timedelta(microseconds=asked.at_us)
        try:
            judged = self._judge(asked, compiled, live, now, row_limit)
        except AlertingError as error:
            told = f"rule {rule} cannot be evaluated: {error}"
            raise TruelineError("FAILED_PRECONDITION", "FACTS_DO_NOT_JOIN", told, metadata={"rule": rule}) from error
        except FactValueError as error:
            raise invalid_field(
                "rule", f"{rule} cannot be evaluated: {error}; put it in again as its type says"
            ) from error
        answered = [_explained(compiled, row, compiled.severity(row.values, now), now) for row in judged.rows]
        ids = self._note(asked, compiled, live.watermark_us, answered)
        worst = next((name for name, count in zip(DECISIONS, judged.counts, strict=True) if count), "unknown")
        return Decided(
            rule=rule,
            decision=worst,
            revision=rules.revision,
            at_us=asked.at_us,
            watermark_us=live.watermark_us,
            rows=tuple(replace(row, decision_id=one) for row, one in zip(answered, ids, strict=False)),
            counts=judged.counts,
            notes=live.notes,
            pushed_down=judged.pushed_down,
            pushdown_note=judged.note,
            decision_id=ids[0],
        )

    def _judge(self, asked: Asked, rule: CompiledRule, live: LiveValues, now: datetime, most: int) -> _Judged:
        """Judge all rows, in the warehouse where that decides alike, else one by one; `live` has the values given."""
        known = {*live.vectors, *rule.looked_up}
        missing = {name: source for name, source in rule.rule.facts.items() if name not in known}
        bulk = {name: source for name, source in missing.items() if is_read_in_bulk(source)}
        self._facts.read(asked, {name: source for name, source in missing.items() if name not in bulk}, live)
        note = ""
        if bulk:
            pushdown = push_down(rule, asked.rules, live.vectors)
            found = pushdown if isinstance(pushdown, str) else self._facts.decide(asked, pushdown, live, most=most)
            if not isinstance(found, str):
                return _Judged(found.counts, found.rows, pushed_down=True)
            note = found
            self._facts.read(asked, bulk, live)
        rows = join_facts(live.vectors, rule.looked_up)
        ranked = sorted(
            ((DECISIONS.index(rule.severity(row.values, now)), row) for row in rows),
            key=lambda each: (each[0], each[1].labels),
        )
        critical, warning, unknown, none = (sum(rank == one for rank, _ in ranked) for one in range(len(DECISIONS)))
        return _Judged((critical, warning, unknown, none), [row for _, row in ranked[:most]], note=note)

    def _note(
        self, asked: Asked, rule: CompiledRule, watermark_us: int | None, rows: Sequence[DecidedRow]
    ) -> Sequence[str]:
        """Log what was decided; answers the id of each row, and one if there is no row."""
        if self._requests is None:
            return [""] * max(1, len(rows))
        request = Request(asked.tenant, asked.rules, rule, asked.at_us, watermark_us)
        return self._requests.note(request, [(row.labels, row.values, row.decision) for row in rows])

    def _instant(self, tenant: str) -> int:
        now_us = self._clock()
        clock = self._clocks.read(now_us).get(tenant)
        return now_us if clock is None else clock.judged_at_us

    def _compile(self, rules: RuleSet, name: str) -> CompiledRule:
        rule = rules.alert_rules.get(name)
        if rule is None:
            near = nearest(name, rules.alert_rules) or ""
            told = f"no alert rule in force is called {quoted(name)}{hint(name, rules.alert_rules)}"
            raise TruelineError("NOT_FOUND", "UNKNOWN_RULE", told, metadata={"rule": name, "nearest": near})
        return compile_rule(rule, rules.fact_types)


def _explained(rule: CompiledRule, row: Row, decision: str, now: datetime) -> DecidedRow:
    explanations = {
        severity: rule.conditions[severity].explain(row.values, now)
        for severity in reversed(SEVERITIES)
        if severity in rule.conditions
    }
    return DecidedRow(row.labels, row.values, decision, explanations)
