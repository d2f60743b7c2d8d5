"""Runs the YAML scenarios in streams/: events in order of arrival, one metric, what is written after each step.

A scenario has `metric` (the spec of a Metric as in rule files), `settings` (max_disorder, allowed_lateness, max_cells)
and `steps`:

- `events`: one append a tenant; `at` is a time of 2024-03-01 or an instant; name, source and tenant have defaults.
- `end`: an end mark of a source. `restart`: stop the flow, start it again on its saved state.
- `expect`: all points of the metric, by pane and groups, with the fields named (value = the metric's number).
- `windows`: numbers of windows by their ends, merged from panes. `status`, `clocks`: the counters and all clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from trueline_rules.loader import load_rules
from trueline_rules.model import Aggregation
from trueline_streams.plans import plan_metric
from trueline_streams.quantiles import quantile_of
from trueline_streams.records import FlowSettings, MetricPlan, PointRow

from tests.integration.streams.flow_support import Filling, flow_runner, reach
from tests.unit.streams.reference import End, Event, microseconds
from tests.unit.streams.support import Append, InMemoryWarehouse, span_of

FILES = sorted((Path(__file__).parent / "streams").glob("*.yaml"))
NAME = "judged"
TENANT = "acme"
ACCEPTED_US = 1_800_000_000_000_000


def instant_us(text: str) -> int:
    """A time of the scenarios' day, or a whole instant."""
    whole = text if "T" in text else f"2024-03-01T{text}"
    return microseconds(datetime.fromisoformat(whole).replace(tzinfo=UTC))


class Scenario:
    """One scenario under way."""

    def __init__(self, spec: dict[str, Any], directory: Path) -> None:
        self.directory = directory
        given = spec.get("settings", {})
        self.settings = {
            "max_disorder_us": span_of(given.get("max_disorder", "2m")).us,
            "allowed_lateness_us": span_of(given.get("allowed_lateness", "2d")).us,
            "max_cells": given.get("max_cells", 1000),
        }
        self.plan = self._plan(spec["metric"])
        self.filling = Filling()
        self.appends: list[Append] = []
        self.warehouse = InMemoryWarehouse()
        self.position = 0
        self.start()

    def _plan(self, metric: dict[str, Any]) -> MetricPlan:
        file = self.directory / "metric.yaml"
        document = {"apiVersion": "trueline/v1", "kind": "Metric", "metadata": {"name": NAME}}
        file.write_text(yaml.safe_dump(document | {"spec": {"unit": "things"} | metric}))
        rules = load_rules([file])
        judged = rules.metrics[NAME]
        return plan_metric(judged, rules.events_of(judged), FlowSettings(**self.settings))

    def start(self) -> None:
        """Start the flow on what it saved before."""
        state = self.directory / "flow"
        self.runner = flow_runner(self.filling, self.warehouse, [self.plan], state, self.appends, **self.settings)
        self.runner.start()

    def stop(self) -> None:
        """Stop the flow and wait for its end."""
        self.runner.stop()
        assert self.runner.join(30)

    def step(self, kind: str, content: Any) -> None:
        """Do one step, or compare."""
        if kind == "events":
            self._events(content)
        elif kind == "end":
            self._append((TENANT, ACCEPTED_US, End(content)))
        elif kind == "restart":
            self.stop()
            self.start()
        else:
            reach(self.runner, self.position)
            getattr(self, f"check_{kind}")(content)

    def _events(self, rows: list[dict[str, Any]]) -> None:
        first = self.position
        by_tenant: dict[str, list[Event]] = {}
        for number, row in enumerate(rows):
            event = Event(
                id=f"e{first}.{number}",
                source=row.get("source", "web"),
                name=row.get("name", "order"),
                occurred_us=instant_us(row["at"]),
                user_id=row.get("user"),
                value=Decimal(str(row["value"])) if "value" in row else None,
                currency=row.get("currency"),
                properties=row.get("properties", {}),
            )
            by_tenant.setdefault(row.get("tenant", TENANT), []).append(event)
        for tenant, events in by_tenant.items():
            self._append((tenant, ACCEPTED_US, events))
        # The next step comes when this one is through, so that steps are batches.
        reach(self.runner, self.position)

    def _append(self, append: Append) -> None:
        self.appends.append(append)
        self.position = self.filling.append(append)

    def check_expect(self, rows: list[dict[str, Any]]) -> None:
        """All points of the tenant."""
        found = {key[2:]: point for key, point in self.warehouse.points.items() if key[0] == TENANT}
        wanted = {(instant_us(row["pane"]), tuple(row.get("groups", ()))): row for row in rows}
        assert set(found) == set(wanted)
        for key, row in wanted.items():
            shown = self._shown(found[key])
            assert {name: shown[name] for name in row if name in shown} == {
                name: wish for name, wish in row.items() if name in shown
            }
            if "value" in row:
                assert self.number([found[key]]) == pytest.approx(row["value"], rel=self._tolerance())
            assert set(row) <= {"pane", "groups", "value", *shown}

    def _shown(self, point: PointRow) -> dict[str, Any]:
        end = datetime.fromtimestamp(point.pane_end_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M")
        late, revision = point.late_events, point.revision
        return {
            "events": point.events,
            "value_count": point.value_count,
            "late": late,
            "revision": revision,
            "end": end,
        }

    def _tolerance(self) -> float:
        return 0.01 if self.plan.metric.aggregation is Aggregation.QUANTILE else 0

    def check_windows(self, rows: list[dict[str, Any]]) -> None:
        """Windows merged from panes."""
        for row in rows:
            end = instant_us(row["end"])
            start = end - self.plan.metric.window.us
            assert self.number([
                point
                for key, point in self.warehouse.points.items()
                if key[0] == TENANT and start <= point.pane_start_us and point.pane_end_us <= end
            ]) == row["value"], row  # fmt: skip

    def number(self, points: Sequence[PointRow]) -> float | None:
        """The metric's number over some panes."""
        kind = self.plan.metric.aggregation
        values = sum(point.value_count for point in points)
        total = sum(point.total for point in points) / 1e9
        if kind is Aggregation.COUNT:
            return values
        if kind is Aggregation.COUNT_DISTINCT:
            keys = {(TENANT, NAME, point.pane_start_us, point.groups) for point in points}
            members = set().union(*(self.warehouse.members.get(key, set()) for key in keys))
            assert len(points) != 1 or points[0].distinct == len(members)
            return len(members)
        if kind is Aggregation.SUM:
            return total
        if kind is Aggregation.AVG:
            return total / values
        (point,) = points
        if kind is Aggregation.QUANTILE:
            return quantile_of(point.bins, self.plan.metric.quantile)
        units = {Aggregation.MIN: point.smallest, Aggregation.MAX: point.largest, Aggregation.LATEST: point.latest}
        found = units[kind]
        return None if found is None else found / 1e9

    def check_status(self, wanted: dict[str, int]) -> None:
        """The counters; none written is none counted."""
        row = self.warehouse.statuses.get((TENANT, NAME))
        found = {name: getattr(row, name) if row else 0 for name in ("too_late", "overflowed", "revision")}
        assert {name: found[name] for name in wanted} == wanted

    def check_clocks(self, rows: list[dict[str, Any]]) -> None:
        """All clocks of the tenant."""
        found = {key[1]: clock for key, clock in self.warehouse.clocks.items() if key[0] == TENANT}
        assert set(found) == {row["source"] for row in rows}
        for row in rows:
            clock = found[row["source"]]
            assert (clock.events, clock.finished, clock.revision) == (row["events"], row["finished"], row["revision"])
            assert clock.max_occurred_at_us == (instant_us(row["newest"]) if "newest" in row else 0)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario(file: Path, tmp_path: Path) -> None:
    """What the scenario's description says."""
    spec = yaml.safe_load(file.read_text())
    scenario = Scenario(spec, tmp_path)
    try:
        for step in spec["steps"]:
            ((kind, content),) = step.items()
            scenario.step(kind, content)
    finally:
        scenario.stop()


def test_there_are_scenarios() -> None:
    """The files are found; an empty parametrization would pass silently."""
    assert len(FILES) >= 12
