"""The use case of alert rules without a warehouse: what is read for which operand, and how rows are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from trueline_rules.alert_rules import declared
from trueline_rules.errors import Problem
from trueline_rules.expressions import Fact, FactType
from trueline_rules.loader import load_texts
from trueline_rules.metric_labels import label_names
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.facts.store import FactRow
from trueline_server.kpis.board import TenantKpis
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import without_events
from trueline_server.metrics.points import Completeness, MetricPoint, PointPage
from trueline_server.rules import drafts, live_facts
from trueline_server.rules.drafts import Draft, check_draft, run_draft, samples_written
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.rules.service import RuleService

MINUTE, HOUR = 60_000_000, 3_600_000_000
NOW = 500_000 * HOUR + 30 * MINUTE
HEAD = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n  {}\n"
RULES = load_texts(
    [
        (
            "rules.yaml",
            "---\n".join(
                HEAD.format(*document)
                for document in (
                    ("EventMapping", "m", "fields: {id: id, source: source, name: name, occurred_at: at}"),
                    ("Kpi", "k", "unit: x\n  direction: higher\n  target: 1\n  statement: SELECT 1 AS value"),
                    ("Metric", "plain", "events: [x]\n  aggregation: count\n  window: 1h\n  step: 1h"),
                    ("Metric", "played", "roles: [signup]\n  aggregation: count\n  window: 1h"),
                    ("Metric", "split", "events: [x]\n  aggregation: count\n  window: 1h\n  group_by: [name]"),
                    ("FactType", "seats", "subject: account\n  type: number"),
                    ("AlertRule", "seats", "facts: {a: {fact: seats, by: [account]}}\n  warning: a > 2"),
                    ("AlertRule", "history", "facts: {a: {fact: seats, over: 1d, agg: max}}\n  warning: a > 2"),
                    ("AlertRule", "now", "facts: {a: {metric: plain, offset: 1h}}\n  warning: a > 1"),
                    ("AlertRule", "window", "facts: {a: {metric: split, over: 3h, agg: avg}}\n  warning: a > 2"),
                    ("AlertRule", "roles", "facts: {a: {metric: played}}\n  warning: a > 1"),
                    ("AlertRule", "gone", "facts: {a: {kpi: k, agg: absent}}\n  critical: a"),
                    ("AlertRule", "before", "facts: {a: {kpi: k, offset: 1d}}\n  critical: a > 1"),
                )
            ),
        )
    ],
    default_pack=False,
)


@dataclass
class InMemoryKpis:
    """KPIs without a value; which instants were asked for."""

    asked: list[int | None] = field(default_factory=list)

    def current(self, tenant: str) -> TenantKpis:
        """Now."""
        self.asked.append(None)
        return without_events(tenant, RULES, NOW)

    def at(self, tenant: str, at_us: int | None, known_at_us: int | None, names: Any = None, **_: Any) -> TenantKpis:
        """Then."""
        self.asked.append(at_us)
        return without_events(tenant, RULES, at_us or 0)


@dataclass
class InMemoryPoints:
    """Points of one metric, a page each; what was asked for."""

    points: Sequence[MetricPoint] = ()
    asked: list[tuple[str, int, int, bool]] = field(default_factory=list)

    def query(
        self,
        tenant: str,
        metric: str,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        fill_empty: bool = False,
        after: Any = None,
        **_: Any,
    ) -> PointPage:
        """One point a page."""
        assert start_us is not None
        assert end_us is not None
        if after is None:
            self.asked.append((metric, start_us, end_us, fill_empty))
        found = [p for p in self.points if start_us < p.window_end_us <= end_us and (after is None or p.key > after)]
        return PointPage(tuple(found[:1]), NOW - HOUR, found[0].key if len(found) > 1 else None)


class InMemoryFacts:
    """Two facts about an account, and whatever is asked for."""

    def as_of(
        self,
        tenant: str,
        subject: str,
        at_us: int,
        *,
        names: Sequence[str] = (),
        ids: Sequence[str] = (),
        most: int = 10,
    ) -> list[FactRow]:
        """One account with a value, one without."""
        (name,) = names
        return [FactRow(subject, "a", name, at_us, 3.0), FactRow(subject, "b", name, at_us, None)][:most]

    def between(
        self, tenant: str, subject: str, name: str, start_us: int, end_us: int, *, most: int = 10
    ) -> list[FactRow]:
        """The first has more at the end, the other is absent still."""
        return [FactRow(subject, "a", name, end_us, 4.0), FactRow(subject, "b", name, end_us, None)][:most]

    def stamps(self, tenant: str, names: Sequence[str], at_us: int) -> dict[tuple[str, str], tuple[int, ...]]:
        """Never the same."""
        return {("account", name): (at_us,) for name in names}

    def first_after(self, tenant: str, subject: str, name: str, at_us: int) -> int | None:
        """Nothing is newer."""
        return None


class NoRows:
    """No clocks, no history."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Nothing."""
        return []


def point(hours_ago: int, value: float | None, **labels: str) -> MetricPoint:
    """A point of the window that ended at a whole hour."""
    end_us = 500_000 * HOUR - hours_ago * HOUR
    return MetricPoint("m", end_us - HOUR, end_us, labels, value, "", 1, True, Completeness.COMPLETE, 1, 0, None)


def service(points: InMemoryPoints | None = None, kpis: InMemoryKpis | None = None) -> RuleService:
    """The use case over parts in memory."""
    facts = LiveFacts(kpis or InMemoryKpis(), points or InMemoryPoints(), NoRows(), InMemoryFacts())
    return RuleService(lambda _: RULES, facts, Clocks(NoRows(), 0), ManualClock(NOW), lambda rules: {})


def test_the_last_window_counts_until_the_next_should_have_ended() -> None:
    """Without a window points of one step and five minutes are read; before the offset; a step ago is too old."""
    points = InMemoryPoints([point(1, 5.0)])
    decided = service(points).evaluate("t", "now", {})
    assert points.asked == [("plain", NOW - 2 * HOUR - 5 * MINUTE, NOW - HOUR, True)]
    assert (decided.decision, decided.rows[0].values, decided.watermark_us) == ("warning", {"a": 5.0}, NOW - HOUR)
    assert service(InMemoryPoints([point(3, 5.0)])).evaluate("t", "now", {}).decision == "unknown"


def test_a_window_is_read_page_by_page_for_each_label_set() -> None:
    """Windows of three hours, two label sets, one point without a value; groups are not filled."""
    points = InMemoryPoints(
        [point(2, 1.0, name="a"), point(1, None, name="a"), point(1, 9.0, name="b"), point(0, 5.0, name="a")]
    )
    decided = service(points).evaluate("t", "window", {})
    assert points.asked == [("split", NOW - 3 * HOUR, NOW, False)]
    assert [(row.labels, row.values["a"], row.decision) for row in decided.rows] == [
        ((("name", "a"),), 3.0, "warning"),
        ((("name", "b"),), 9.0, "warning"),
    ]


def test_too_many_points_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule whose window holds more than can be read says so."""
    monkeypatch.setattr(live_facts, "MOST_POINTS", 1)
    points = InMemoryPoints([point(2, 1.0, name="a"), point(1, 2.0, name="a"), point(0, 3.0, name="a")])
    with pytest.raises(TruelineError, match="shorten `over`") as refused:
        service(points).evaluate("t", "window", {})
    assert refused.value.reason == "TOO_MANY_POINTS"


def test_a_metric_that_no_event_plays_is_missing() -> None:
    """Windows of such a metric are not filled with zeros: they say nothing."""
    points = InMemoryPoints()
    decided = service(points).evaluate("t", "roles", {})
    assert (decided.decision, points.asked) == ("unknown", [])
    assert decided.notes == {"a": "no event plays a role that metric played reads"}


def test_kpis_are_looked_up_now_and_computed_for_then() -> None:
    """The default instant is a lookup, an offset or another instant a computation; what is absent is known."""
    kpis = InMemoryKpis()
    assert service(kpis=kpis).evaluate("t", "gone", {}).decision == "critical"
    assert service(kpis=kpis).evaluate("t", "before", {}).decision == "unknown"
    assert service(kpis=kpis).evaluate("t", "gone", {}, NOW - HOUR).at_us == NOW - HOUR
    assert kpis.asked == [None, NOW - 24 * HOUR, NOW - HOUR]
    assert service(kpis=kpis).evaluate("t", "gone", {"a": False}).decision == "none"
    assert len(kpis.asked) == 3


def test_facts_that_were_put_in_are_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subject without a value has no row; a window takes what was observed in it."""
    decided = service().evaluate("t", "seats", {})
    assert [(row.labels, row.values) for row in decided.rows] == [((("account", "a"),), {"a": 3.0})]
    history = service().evaluate("t", "history", {})
    assert [(row.labels, row.values) for row in history.rows] == [((("account", "a"),), {"a": 4.0})]
    monkeypatch.setattr(live_facts, "MOST_POINTS", 1)
    with pytest.raises(TruelineError, match="more than 1 values"):
        service().evaluate("t", "seats", {})


def test_a_caller_that_has_left_ends_the_evaluation() -> None:
    """Nothing more is read once it is stopped."""
    kpis = InMemoryKpis()
    with pytest.raises(TruelineError, match="stopped"):
        service(kpis=kpis).evaluate("t", "gone", {}, stopped=lambda: True)
    assert kpis.asked == []


def test_labels_are_called_as_rules_can_write_them() -> None:
    """Properties lose their prefix unless another label is called so; other signs become _."""
    assert label_names(["properties.plan", "name", "properties.name", "properties.a-b"]) == {
        "name": "name",
        "properties.plan": "plan",
        "properties.name": "properties_name",
        "properties.a-b": "a_b",
    }


def test_drafts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements that the server refuses are problems; more rules than can be compared are not analysed."""
    first = min(load_texts([]).kpis)
    refusal = Problem(load_texts([]).kpis[first].place_in_statement(), f"KPI {first}: it is not allowed")
    assert refusal.place.file.startswith("trueline_rules/packs/")
    assert check_draft(Draft(()), lambda rules: {first: refusal}).problems == (refusal,)
    monkeypatch.setattr(drafts, "MOST_ANALYSED", 100)
    rule = "facts: {{a: {{kpi: activation_rate}}}}\n  warning: a < 0.{}"
    many = "---\n".join(HEAD.format("AlertRule", f"r{n}", rule.format(n)) for n in range(100))
    checked = check_draft(Draft((("many.yaml", many),)), lambda rules: {})
    assert (checked.problems, checked.analysed, checked.warnings) == ((), False, ())
    assert checked.documents["AlertRule"] > 100
    assert run_draft(Draft(()), lambda rules: {first: refusal}).report is None


@pytest.mark.parametrize(
    ("values", "samples"),
    [("'1+1x99'", 99), ("'1x5 _x007 2'", 12), ('"1\\x789"', 9), ("'1x99999999999'", 1_000_000), ("'1 2 3'", 0)],
)
def test_samples_are_counted_before_they_are_read(values: str, samples: int) -> None:
    """A few bytes can be millions of samples, however they are escaped."""
    series = f"rule: r\n  cases: [{{name: c, series: [{{fact: a, values: {values}}}]}}]"
    text = HEAD.format("RuleTest", "t", series)
    assert samples_written(text) == samples_written("\ufeff" + text) == samples


def test_millions_of_samples_are_refused() -> None:
    """Three series of a million would take long to read."""
    series = ", ".join(f"{{fact: a, labels: {{l: a{number}}}, values: '1+1x999998'}}" for number in range(3))
    text = HEAD.format("RuleTest", "t", f"rule: activation_rate_low\n  cases: [{{name: c, series: [{series}]}}]")
    with pytest.raises(TruelineError, match="have series of 2,999,994 samples; at most 2,000,000"):
        check_draft(Draft((("t.yaml", text),)), lambda rules: {})


def test_facts_of_rules_are_declared() -> None:
    """What is absent is a bool that is always known."""
    source = RULES.alert_rules["gone"].facts["a"]
    assert declared("a", source, {}) == Fact("a", FactType.BOOL, nullable=False)
