"""Evaluations that leave sleeping rules out come to what evaluations of all rules come to, over random histories."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from trueline_rules.alerting.columns import VectorColumn
from trueline_rules.alerting.model import Instance, Transition
from trueline_rules.alerting.vectors import Labels
from trueline_rules.loader import load_texts
from trueline_server.alerts.evaluation import StageEvaluation, compile_rules, due_rules, evaluate_stage
from trueline_server.alerts.reading import InstantValues
from trueline_server.alerts.states import StageStates
from trueline_server.alerts.waking import Waking

MINUTE = 60_000_000
FIRST = 1_717_243_200_000_000 // MINUTE * MINUTE
_HEAD = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n  {}\n"
# Rules of every policy over two numbers of accounts and one text, one of a KPI, and one that reads the time.
_POLICIES = (
    "warning: a > 1",
    "warning: a > 1\n  critical: a > 2\n  for: 2m",
    "critical: a > 1\n  keep_firing_for: 3m",
    "warning: a > b\n  on_missing: 'true'",
    "warning: a > b\n  for: 1m\n  on_no_data: keep",
    "warning: a > b\n  on_no_data: alerting\n  keep_firing_for: 1m",
    "warning: a > b and a > 0\n  on_no_data: ok",
    "warning: a > 1\n  every: 3m",
    "warning: a > 1\n  limit: 1\n  on_error: keep",
    "critical: a > 0\n  limit: 1",
    "warning: a > k",
    "warning: t == 'gold' and a > 1",
    "warning: a > 1 and $now > d'2024-06-01T12:07:00'",
)
_FACTS = {"a": "{fact: a}", "b": "{fact: b}", "t": "{fact: t}", "k": "{kpi: k}"}


def _rule(number: int, policy: str) -> str:
    read = [name for name in _FACTS if re.search(rf"\b{name} [<>=]|> {name}\b", policy)]
    facts = ", ".join(f"{name}: {_FACTS[name]}" for name in read)
    return _HEAD.format("AlertRule", f"r{number}", f"facts: {{{facts}}}\n  {policy}")


RULES = load_texts(
    [
        (
            "r.yaml",
            "---\n".join(
                [
                    _HEAD.format("EventMapping", "m", "fields: {id: id, source: source, name: name, occurred_at: at}"),
                    _HEAD.format(
                        "Kpi", "k", "unit: x\n  direction: higher\n  target: 1\n  statement: SELECT 1 AS value"
                    ),
                    _HEAD.format("FactType", "a", "subject: account\n  type: number"),
                    _HEAD.format("FactType", "b", "subject: account\n  type: number"),
                    _HEAD.format("FactType", "t", "subject: account\n  type: text"),
                    *(_rule(number, policy) for number, policy in enumerate(_POLICIES)),
                ]
            ),
        )
    ],
    default_pack=False,
)
COMPILED = compile_rules(RULES)
SOURCES = {source.name: source for rule in COMPILED for source in rule.rule.facts.values()}

_numbers = st.sampled_from([0.0, 1.0, 1.5, 2.5, float("nan")])
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "a": _numbers,
    "b": _numbers,
    "k": _numbers,
    "t": st.sampled_from(["gold", "free"]),
}


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """What the sources answer anew at an instant: values by account, a failure, or that there is nothing yet."""
    found: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from("abkt"), max_size=2)):
        subjects = st.just([""]) if name == "k" else st.lists(st.sampled_from(["x", "y", "z"]), unique=True)
        column = subjects.flatmap(lambda s, n=name: st.fixed_dictionaries(dict.fromkeys(s, _VALUES[n])))
        found[name] = draw(column | column | column | st.sampled_from(["fails", "waits"]))
    return found


def read(known: dict[str, Any]) -> InstantValues:
    """What an evaluation reads; each time made anew."""
    values = InstantValues()
    for name, source in SOURCES.items():
        answer = known.get(name, {})
        if answer == "fails":
            values.failures[source] = "too many points"
        elif answer == "waits":
            values.waiting.add(source)
        else:
            names = () if name == "k" else ("account",)
            rows = sorted(((("account", one),) if one else (), value) for one, value in answer.items())
            values.columns[source] = VectorColumn(names, tuple(labels for labels, _ in rows), [v for _, v in rows])
    return values


def told(instance: Instance) -> Instance:
    """An instance without what says only when it was looked at last."""
    return replace(instance, evaluated_us=None, last_true_us=None)


def transitions(done: StageEvaluation) -> dict[str, list[Transition]]:
    """What changed."""
    return {
        each.name: [replace(one, before=told(one.before), after=told(one.after)) for one in each.transitions]
        for each in done.changed
    }


def kept(states: StageStates) -> dict[str, tuple[tuple[Labels, ...], dict[Labels, Instance], Any]]:
    """What is kept of each rule."""
    return {
        name: (rule.labels, {labels: told(one) for labels, one in rule.instances.items()}, states.outcomes[name])
        for name, rule in states.rules.items()
    }


# An alert fires, and its label set is gone: kept, it counts for how long.
_GONE = [{"a": {"x": 2.5}, "b": {"x": 1.0}}, {}, {}, {"a": {"y": 0.0}, "b": {"y": 1.0}}, {}, {}, {}]


@settings(max_examples=150, deadline=None)
@example(history=_GONE, lost=set())
@given(history=st.lists(changes(), min_size=3, max_size=25), lost=st.sets(st.integers(0, 24), max_size=4))
def test_sleeping_rules_would_have_come_to_the_same(history: list[dict[str, Any]], lost: set[int]) -> None:
    """Transitions, states, counts and outcomes are equal at every instant, also where an evaluation was lost before it
    was durable, or sources fail, wait, or answer NaN; and what sleeps is what is left out."""
    waking, states, plain = Waking(COMPILED), StageStates(), StageStates()
    known: dict[str, Any] = {}
    for number, change in enumerate(history):
        known |= change
        instant_us = FIRST + number * MINUTE
        values = read(known)
        values.columns = {source: waking.seen.same(source, column) for source, column in values.columns.items()}
        how: dict[str, Any] = {"instant_us": instant_us}
        due = due_rules(COMPILED, states, instant_us)
        woken = waking.wake(values)
        done = evaluate_stage(RULES, COMPILED, due, states, values=values, awake=woken.awake, **how)
        every = evaluate_stage(
            RULES, COMPILED, due_rules(COMPILED, plain, instant_us), plain, values=read(known), **how
        )
        assert transitions(done) == transitions(every)
        assert kept(done.states) == kept(every.states)
        assert (done.judged, done.waiting) == (every.judged, every.waiting)
        if number not in lost:
            waking.keep(woken, done)
            states, plain = done.states, every.states


def test_what_is_awake() -> None:
    """At first all; then those that read the time, or are pending, and the readers of what changed."""
    waking, states = Waking(COMPILED), StageStates()
    first = {"a": {"x": 0.0}, "b": {"x": 1.0}, "k": {"": 1.0}, "t": {"x": "free"}}
    awake = []
    for minute, changed in enumerate([{}, {}, {"t": {"x": "gold"}}, {"a": {"x": 1.5}}, {}, {}]):
        first |= changed
        values, instant_us = read(first), FIRST + minute * MINUTE
        values.columns = {source: waking.seen.same(source, column) for source, column in values.columns.items()}
        woken, due = waking.wake(values), due_rules(COMPILED, states, instant_us)
        how: dict[str, Any] = {"instant_us": instant_us, "values": values, "awake": woken.awake}
        done = evaluate_stage(RULES, COMPILED, due, states, **how)
        waking.keep(woken, done)
        states = done.states
        awake.append(sorted(int(name[1:]) for name in woken.awake))
    every, timed, reads_text = list(range(len(COMPILED))), 12, 11
    assert awake[:4] == [every, [timed], [reads_text, timed], every]
    # What waits for a time is looked at, and what is not due yet: `for`, and every three minutes.
    assert {1, timed} <= set(awake[5]) < set(every)
