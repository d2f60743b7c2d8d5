"""What a simulation says is what the live parts do: random series, rules, silences and people, both ways."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from live_parts import LiveParts
from simulation_texts import CHANNELS, METRICS, document, rules_of, series
from trueline_server.clock import ManualClock
from trueline_server.simulation import engine
from trueline_server.simulation.evaluating import RuleEvaluation
from trueline_server.simulation.model import EntryKind, Scenario
from trueline_server.simulation.pipeline import Pipeline
from trueline_server.simulation.recording import Recording
from trueline_server.simulation.series_file import read_series_file
from trueline_server.simulation.values import SeriesValues

_RULES = [
    document("AlertRule", "failing", "facts: {n: {metric: failed}}\nwarning: n > 5\ncritical: n > 20\nfor: {wait}"),
    document("AlertRule", "many", "facts: {n: {metric: failed, over: 5m, agg: avg}}\nwarning: n > 10"),
    document("AlertRule", "rising", "facts: {n: {metric: orders, over: 5m, agg: rate}}\nwarning: n > 0"),
    document(
        "AlertRule", "no_orders", "facts: {n: {metric: orders}}\ncritical: n < 1\nkeep_firing_for: 2m\non_no_data: {no}"
    ),
    document("AlertRule", "slow", "facts: {n: {metric: orders}}\nwarning: n < 3\nevery: {every}"),
]
_POLICY = document(
    "EscalationPolicy",
    "shop",
    """
levels:
  - {name: L1, notify: [{person: ada}], repeat: 1, every: 2m}
  - {name: L2, after: 6m, notify: [{person: bob}, {schedule: nobody}]}
repeat: 1
repeat_after: 5m
acknowledge_timeout: 10m
targets: {respond_within: 5m, update_every: 10m}
""",
)
_NOBODY = document(
    "OnCallSchedule",
    "nobody",
    "time_zone: UTC\nlayers: [{people: [ada], length: 1d, starts: 2026-01-01T00:00, "
    "only: [{times: [{start_time: 22:00, end_time: 23:00}]}]}]",
)
_DOWN = document("Inhibition", "down", "sources: [rule=no_orders]\ntargets: [rule=~failing|many]\nequal: []")
_NIGHT = document(
    "Maintenance",
    "noon",
    "matchers: [rule=slow]\nintervals: [{times: [{start_time: 12:10, end_time: 12:20}]}]\nreason: it is noon",
)

_tokens = st.lists(
    st.one_of(
        st.builds("{}x{}".format, st.sampled_from([0, 1, 4, 8, 30]), st.integers(0, 8)),
        st.builds("{}+1x{}".format, st.integers(0, 9), st.integers(1, 5)),
        st.sampled_from(["_", "_x4", "stale"]),
    ),
    min_size=1,
    max_size=5,
).map(" ".join)
_minutes = st.integers(0, 40)
_hands = st.lists(
    st.builds(
        "{{at: {}m, rule: {}, by: ada, how: {}}}".format,
        _minutes,
        st.sampled_from(["failing", "no_orders", "slow"]),
        st.sampled_from(["acknowledge", "unacknowledge", "resolve"]),
    ),
    max_size=4,
)
_silences = st.lists(
    st.builds(
        "{{matchers: ['{}'], from: {}m, until: {}m, author: bob, reason: x}}".format,
        st.sampled_from(["plan=pro", "rule=no_orders", 'severity="warning"']),
        st.integers(0, 15),
        st.integers(16, 45),
    ),
    max_size=2,
    unique=True,
)


@dataclass(frozen=True)
class Case:
    """What differs between scenarios: parts of rules and route, further documents, values of series, people."""

    wait: str = "0s"
    no: str = "ok"
    every: str = "0s"
    by: str = "[rule]"
    channels: str = "[wall]"
    group_wait: str = "0s"
    further: Sequence[str] = ()
    failed: tuple[str, str] = ("0x0", "0x0")
    orders: str = "0x0"
    hands: Sequence[str] = ()
    silences: Sequence[str] = ()

    def texts(self) -> tuple[str, str]:
        """A rule file, and series of two metrics over at most an hour with what people do meanwhile."""
        varied = [*_RULES]
        for mark, value in (("{wait}", self.wait), ("{no}", self.no), ("{every}", self.every)):
            varied = [text.replace(mark, value) for text in varied]
        route = f"channels: {self.channels}\ngroup_by: {self.by}\ngroup_wait: {self.group_wait}\n"
        route += "repeat_interval: 20m\nescalation: shop"
        files = [*METRICS, *varied, *CHANNELS, _POLICY, _NOBODY, document("Route", "default", route), *self.further]
        lines = [
            f'{{metric: failed, labels: {{plan: {plan}}}, values: "{values}"}}'
            for plan, values in zip(("pro", "free"), self.failed, strict=True)
        ]
        lines.append(f'{{metric: orders, values: "{self.orders}"}}')
        more = "until: 1h\n"
        for key, listed in (("acks", self.hands), ("silences", self.silences)):
            more += f"{key}: [{', '.join(listed)}]\n" if listed else ""
        return "---\n".join(files), series(*lines, more=more)


_cases = st.builds(
    Case,
    wait=st.sampled_from(["0s", "2m"]),
    no=st.sampled_from(["ok", "keep", "no_data", "alerting"]),
    every=st.sampled_from(["0s", "3m", "7m"]),
    by=st.sampled_from(["[rule]", "['...']", "[]"]),
    channels=st.sampled_from(["[wall]", "[ada_mail, bob_mail]"]),
    group_wait=st.sampled_from(["0s", "30s"]),
    further=st.lists(st.sampled_from([_DOWN, _NIGHT]), unique=True),
    failed=st.tuples(_tokens, _tokens),
    orders=_tokens,
    hands=_hands,
    silences=_silences,
)
# A rate limit cuts between messages of one instant.
_LIMITED = Case(
    channels="[ada_mail, bob_mail]",
    failed=("_x4 0x1 _ 0x0 30x8", "0x3 8+1x4"),
    orders="0+1x4 8x2",
    hands=[f"{{at: {minute}m, rule: failing, by: ada, how: acknowledge}}" for minute in (0, 17, 22, 0)],
    silences=[
        "{matchers: ['plan=pro'], from: 2m, until: 37m, author: bob, reason: x}",
        "{matchers: ['severity=\"warning\"'], from: 10m, until: 34m, author: bob, reason: x}",
    ],
)
# What somebody does leads to a message at once, with no timer due.
_ACTED = Case(
    every="7m",
    further=[_NIGHT],
    orders="0x1 _",
    hands=["{at: 32m, rule: slow, by: ada, how: acknowledge}"],
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(_cases)
@example(_LIMITED)
@example(_ACTED)
def test_a_simulation_says_what_the_live_parts_do(case: Case) -> None:
    """The same things happen to the same alerts at the same instants, and the same messages go to the same channels."""
    files = case.texts()
    scenario = read_series_file(files[1], "day.yml", rules_of(files[0]))
    with tempfile.TemporaryDirectory() as folder:
        with closing(LiveParts(Path(folder), scenario)) as live:
            live.run()
            happened, queued, sent = live.events(), live.queued(), sorted(live.sent)
        clock = ManualClock(scenario.start_us)
        with closing(Pipeline(Path(folder), scenario.rules, clock, scenario.end_us)) as pipeline:
            _simulate(scenario, pipeline, clock)
            found = [
                (_second(scenario, one.at_us), one.case_id, one.kind.value, one.actor) for one in pipeline.events()
            ]
            messages = sorted(
                (
                    _second(scenario, one.at_us),
                    one.message.channel,
                    tuple(sorted(part.reason for part in one.message.parts)),
                )
                for one in pipeline.delivery.sent
            )
    assert _at_each_instant(found) == _at_each_instant(happened)
    assert messages == sent
    told = engine.simulate(scenario)
    assert len([one for one in told.entries if one.kind is EntryKind.SENT]) == len(sent)
    assert told.summary.waiting == sum(state == "queued" for *_, state in queued)


def _simulate(scenario: Scenario, pipeline: Pipeline, clock: ManualClock) -> None:
    rules = RuleEvaluation(
        scenario.rules,
        scenario.names,
        SeriesValues(scenario.rules, scenario.histories),
        start_us=scenario.start_us,
        last_us=scenario.last_us,
        every_us=scenario.every_us,
    )
    engine.run(scenario, clock, pipeline, rules, Recording(), go_on=lambda _: None)


def _at_each_instant(events: list[tuple[int, str, str, str]]) -> dict[int, list[tuple[str, str, str]]]:
    """What happened at each instant; in which order timers that are due at once run is not said."""
    found: dict[int, list[tuple[str, str, str]]] = {}
    for at, *what in events:
        found.setdefault(at, []).append(tuple(what))  # type: ignore[arg-type]
    return {at: sorted(listed) for at, listed in found.items()}


def _second(scenario: Scenario, at_us: int) -> int:
    return (at_us - scenario.start_us) // 1_000_000
