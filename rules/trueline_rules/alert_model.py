"""What alert rules, fact types and tests of rules say, as frozen values. Everything here was checked by the loader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trueline_rules.alerting.operands import Operand
from trueline_rules.model import Metadata, Place, Written

# A value of a fact as a test gives it; None = missing.
Given = str | float | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class FactType:
    """A fact that others put in: what it is about and of which type it is.

    Attributes:
        subject: kind of what it is about: "tenant", "account", "user", "pattern", "feature", …
        type: "number", "decimal", "text", "bool", "datetime" or "texts" (a set of texts).
        unit: of a number; "" if it has none.
        nullable: whether it may be absent; False is a promise of whoever puts it in, and null is refused then.
        sensitive: whether its values are left out of the decision log.
        least, most: bounds of a number, inclusive; None = there is none.
        past: of an instant, whether it tells what has been, so that it cannot lie ahead of when it is observed.

    """

    metadata: Metadata
    subject: str
    type: str
    unit: str
    nullable: bool
    sensitive: bool = False
    least: float | None = None
    most: float | None = None
    past: bool = False


@dataclass(frozen=True, slots=True)
class FactSource:
    """Where the value of a fact in an alert rule comes from.

    Attributes:
        kind: "metric", "kpi" or "fact".
        name: of the metric, KPI or fact type.
        operand: what is taken of its series.
        place: where it stands in its file.

    """

    kind: str
    name: str
    operand: Operand
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When something is wrong, how wrong, and since when it must have been.

    Attributes:
        facts: names in the conditions, and where their values come from.
        warning: condition; "" = there is no warning.
        critical: condition; "" = there is no critical. One of the two is there. Critical wins.
        for_us: how long a condition must hold before the alert fires.
        keep_firing_for_us: how long it fires on after the condition ended.
        on_missing: what an unknown condition does: "no_data", "false" or "true".
        on_no_data: "no_data", "ok", "keep" or "alerting".
        on_error: "error", "ok", "keep" or "alerting".
        labels: further labels of its alerts.
        label_facts: label -> the fact whose text is its value; it wins over the labels of the row.
        limit: most alerts at once; beyond it the evaluation is an error.
        summary: what people read.
        asides: "warning" or "critical" -> the comment that stands directly behind it.
        written: "warning", "critical" or "summary" -> how it stands in its file.
        every_us: how often it is evaluated, at multiples of it; 0 = at each evaluation of the server.
        live: whether it is evaluated as events come; if not, it is when a Schedule runs it.

    """

    metadata: Metadata
    facts: Mapping[str, FactSource]
    warning: str
    critical: str
    for_us: int
    keep_firing_for_us: int
    on_missing: str
    on_no_data: str
    on_error: str
    labels: Mapping[str, str]
    limit: int
    summary: str
    asides: Mapping[str, str] = field(default_factory=dict, compare=False)
    every_us: int = 0
    live: bool = True
    written: Mapping[str, Written] = field(default_factory=dict, compare=False)
    label_facts: Mapping[str, str] = field(default_factory=dict)

    def place_in(self, text: str, offset: int = 0) -> Place:
        """Where a character of "warning", "critical" or "summary" stands; the rule's name where that is not known."""
        written = self.written.get(text)
        return self.metadata.place if written is None else written.place(offset)


@dataclass(frozen=True, slots=True)
class GivenSeries:
    """A series of samples of a fact: numbers in promtool's notation, or values of any type one by one."""

    fact: str
    labels: Mapping[str, str]
    values: str | tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that must be there: its own labels, its state ("pending", "firing", …), its severity ("" = any)."""

    labels: Mapping[str, str]
    state: str
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """All alerts that must be there at an instant, counted from the beginning of the series."""

    at_us: int
    alerts: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class TestCase:
    """One case: either facts and the decision they lead to, or series and the alerts at instants.

    Attributes:
        name: what it shows.
        skip: why it is not run; "" = it is.
        given: fact -> value; None if series are given.
        severity: expected of `given`: "critical", "warning", "none" or "unknown".
        series: samples of the facts.
        expectations: by ascending instant.
        path: where it stands in its document.
        place: where it stands in its file.

    """

    # pytest would else take it for tests of its own.
    __test__ = False

    name: str
    skip: str = ""
    given: Mapping[str, Given] | None = None
    severity: str = ""
    series: tuple[GivenSeries, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    path: tuple[str | int, ...] = field(default=(), compare=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Cases for one alert rule; samples and evaluations are `interval_us` apart."""

    metadata: Metadata
    rule: str
    interval_us: int
    cases: tuple[TestCase, ...]
