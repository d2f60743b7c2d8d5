"""Evaluates KPIs: each statement confined, each failure a value that is missing with a reason."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.model import Kpi, RuleSet
from trueline_stores.errors import StatementRefusedError, StoreClosedError
from trueline_stores.warehouse.answers import Answer
from trueline_stores.warehouse.confined import CheckedStatement, Confinement
from trueline_stores.warehouse.views import RoleView, Views

from trueline_server.clock import Clock
from trueline_server.kpis.instants import Instant

_log = logging.getLogger(__name__)

# Rule sets whose statements stay checked: those in force of many tenants, and in the shadow of some.
_REVISIONS = 256


@dataclass(frozen=True, slots=True)
class KpiResult:
    """A KPI's value at an instant; times in microseconds since 1970 (UTC).

    Attributes:
        kpi: its name.
        value: finite; None if there is none.
        missing: why there is no value, for people; "" if there is one.
        numerator, denominator: finite; what stands behind the value, where the statement tells.
        period_start_us, period_end_us: the period judged, where the statement tells.
        instant: what was judged and how much was known.
        computed_at_us: when.
        rule_revision: of the rule set that defined it.

    """

    kpi: str
    value: float | None
    missing: str
    numerator: float | None
    denominator: float | None
    period_start_us: int | None
    period_end_us: int | None
    instant: Instant
    computed_at_us: int
    rule_revision: str

    @property
    def partial(self) -> bool:
        """Whether the period was not over at the instant judged."""
        return self.period_end_us is not None and self.period_end_us > self.instant.at_us


class Evaluator:
    """Evaluates KPIs over the warehouse. Every method blocks; thread-safe."""

    def __init__(self, confinement: Confinement, clock: Clock) -> None:
        self._confinement = confinement
        self._clock = clock
        self._lock = threading.Lock()
        self._checked: OrderedDict[str, dict[str, CheckedStatement | StatementRefusedError]] = OrderedDict()

    def problems(self, rules: RuleSet) -> dict[str, Problem]:
        """KPIs whose statements are refused, with place and reason: what is to be told when rules are loaded."""
        checked = {name: self._check(rules, kpi) for name, kpi in rules.kpis.items()}
        return {
            name: Problem(rules.kpis[name].place_in_statement(found.offset or 0), f"KPI {name}: {found.message}")
            for name, found in checked.items()
            if isinstance(found, StatementRefusedError)
        }

    def refuse_problems(self, rules: RuleSet) -> None:
        """A rule set with a statement that is not allowed does not load, like one with any other mistake.

        Raises:
            RuleFileError: names each KPI with the place in its statement and what is refused.

        """
        problems = self.problems(rules)
        if problems:
            raise RuleFileError(tuple(problems.values()))

    def evaluate(
        self, rules: RuleSet, kpi: Kpi, tenant: str, instant: Instant, *, seconds: float | None = None
    ) -> KpiResult:
        """The value of one KPI, or why there is none.

        Args:
            rules: the rule set that the KPI is of.
            kpi: which.
            tenant: whose events.
            instant: what to judge.
            seconds: at most so long; None = the confinement's limit.

        Raises:
            StoreClosedError: the warehouse is closed.

        """
        try:
            answer = self._answer(rules, kpi, tenant, instant, seconds)
        except StoreClosedError:
            raise
        except StatementRefusedError as error:
            answer = Answer(None, missing=error.message)
        except Exception:  # noqa: BLE001 one KPI that fails leaves the others their values
            _log.exception("KPI %s of tenant %s failed", kpi.metadata.name, tenant)
            answer = Answer(None, missing="it could not be computed; the server's log tells why")
        missing = why_missing(answer)
        return KpiResult(
            kpi=kpi.metadata.name,
            value=None if missing else answer.value,
            missing=missing,
            numerator=_finite(answer.numerator),
            denominator=_finite(answer.denominator),
            period_start_us=answer.period_start_us,
            period_end_us=answer.period_end_us,
            instant=instant,
            computed_at_us=self._clock(),
            rule_revision=rules.revision,
        )

    def evaluate_all(
        self,
        rules: RuleSet,
        tenant: str,
        instant: Instant,
        names: Iterable[str] | None = None,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, KpiResult]:
        """The values of several KPIs (None = all), one after the other.

        Args:
            rules: the rule set.
            tenant: whose events.
            instant: what to judge.
            names: which.
            stopped: asked before each; once it says yes, the rest is left out.

        """
        results: dict[str, KpiResult] = {}
        for name in rules.kpis if names is None else names:
            if stopped():
                break
            results[name] = self.evaluate(rules, rules.kpis[name], tenant, instant)
        return results

    def _answer(self, rules: RuleSet, kpi: Kpi, tenant: str, instant: Instant, seconds: float | None) -> Answer:
        checked = self._check(rules, kpi)
        if isinstance(checked, StatementRefusedError):
            raise checked
        if checked.unplayed:
            return Answer(None, missing=f"no event plays the role '{checked.unplayed[0]}'")
        return self._confinement.run(
            checked, tenant=tenant, at_us=instant.at_us, known_at_us=instant.known_at_us, seconds=seconds
        )

    def _check(self, rules: RuleSet, kpi: Kpi) -> CheckedStatement | StatementRefusedError:
        """Each statement is checked once per revision of the rules; those not asked for longest are forgotten."""
        name = kpi.metadata.name
        with self._lock:
            known = self._checked.pop(rules.revision, None) or {}
            self._checked[rules.revision] = known
            while len(self._checked) > _REVISIONS:
                self._checked.popitem(last=False)
            found = known.get(name)
        if found is None:
            try:
                found = self._confinement.check(kpi.statement, views_of(rules), kpi.parameters)
            except (StatementRefusedError, ValueError) as error:
                offset = error.offset if isinstance(error, StatementRefusedError) else None
                found = StatementRefusedError(str(error), metadata={"kpi": name}, offset=offset)
            with self._lock:
                known[name] = found
        return found


def views_of(rules: RuleSet) -> Views:
    """What the statements of a rule set may read: the roles of its mapping and the points of its metrics."""
    return Views(
        roles={name: RoleView(role.events, role.occurrence) for name, role in rules.mapping.roles.items()},
        definitions={name: metric.definition for name, metric in rules.metrics.items()},
    )


def why_missing(answer: Answer) -> str:
    """Why an answer is no value; "" if it is one."""
    if answer.missing:
        return answer.missing
    if answer.value is None:
        return "the statement answered no value" if answer.denominator != 0 else "its denominator is 0"
    if math.isfinite(answer.value):
        return ""
    if answer.denominator == 0:
        return "its denominator is 0"
    return (
        "the statement answered a value that is not a number" if math.isnan(answer.value) else "its value is infinite"
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
