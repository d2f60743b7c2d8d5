"""Makes the timeline of a simulation from what its parts kept and what was noted beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trueline_rules.alerting.model import State
from trueline_rules.routing.alert_labels import alert_labels

from trueline_server.simulation.around import Around
from trueline_server.simulation.case_entries import case_entries
from trueline_server.simulation.message_entries import held_entries, sent_entries, unsent_entries
from trueline_server.simulation.model import Entry, EntryKind, Scenario
from trueline_server.simulation.pipeline import Pipeline
from trueline_server.simulation.recording import PutIn, Recording
from trueline_server.simulation.wording import TOO_SHORT, span_text, subject_of


def make_timeline(scenario: Scenario, pipeline: Pipeline, record: Recording) -> tuple[Entry, ...]:
    """All entries by time; at an instant conditions first, then what people put in, then alerts, then messages."""
    around = Around(scenario.rules, pipeline.cases())
    # What the parts call a silence is made at random.
    silences = {put.id: f"silence {number} of {put.silence.author}" for number, put in enumerate(record.silences, 1)}
    delivery = pipeline.delivery
    kinds: tuple[Iterable[Entry], ...] = (
        _waits(record),
        _silences(record.silences, silences, scenario.end_us),
        _ignored(record),
        case_entries(pipeline.events(), around, silences),
        sent_entries(delivery.sent, around),
        held_entries(delivery.held, around),
        unsent_entries(delivery.unsent(), around),
    )
    # Sorting is stable, so what happened at an instant stays in its order; that an escalation is at its end comes
    # after the last message of it.
    made = (entry for entries in kinds for entry in entries)
    return tuple(sorted(made, key=lambda entry: (entry.at_us, entry.kind is EntryKind.EXHAUSTED)))


def _waits(record: Recording) -> Iterator[Entry]:
    """Conditions that begin to hold, and those that did not hold for long enough."""
    for rule, transition in record.waits:
        waits = transition.after.state is State.PENDING
        known = transition.after if waits else transition.before
        severity = "" if known.severity is None else known.severity.value
        labels = alert_labels(rule.rule, known.labels, severity, known.values)
        needed = span_text(rule.rule.for_us)
        if waits:
            text = f"its condition holds; it fires once it has for {needed}"
        else:
            since_us = known.active_since_us
            held = span_text(0 if since_us is None else transition.at_us - since_us)
            text = f"its condition held for at most {held}; it fires after {needed}"
        yield Entry(
            transition.at_us,
            EntryKind.PENDING if waits else EntryKind.CALMED,
            subject_of(known.rule, labels),
            text,
            rule=known.rule,
            labels=dict(sorted(labels.items())),
            severity=labels.get("severity", ""),
            reason="" if waits else TOO_SHORT,
        )


def _silences(put_in: Iterable[PutIn], names: dict[str, str], end_us: int) -> Iterator[Entry]:
    for put in put_in:
        given, name, people = put.silence, names[put.id], (put.silence.author,)
        matchers = ", ".join(given.matchers)
        text = f"{matchers} for {span_text(given.ends_us - given.starts_us)}: {given.reason}"
        yield Entry(given.starts_us, EntryKind.SILENCED, name, text, people=people)
        if given.ends_us <= end_us:
            yield Entry(given.ends_us, EntryKind.SILENCE_ENDED, name, matchers, people=people)


def _ignored(record: Recording) -> Iterator[Entry]:
    for at_us, hand, why in record.ignored:
        text = f"{hand.by} could not {hand.kind.value} it: {why}"
        subject = subject_of(hand.rule, hand.labels)
        yield Entry(at_us, EntryKind.IGNORED, subject, text, rule=hand.rule, labels=hand.labels, people=(hand.by,))
