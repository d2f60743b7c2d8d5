"""What is simulated, and what a simulation comes to. Instants are µs since 1970 (UTC). No protobuf, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.alert_model import FactSource
from trueline_rules.backtesting.replay import History
from trueline_rules.model import RuleSet

from trueline_server.backtests.model import Note


class HandKind(StrEnum):
    """What somebody does about an alert."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    RESOLVE = "resolve"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Hand:
    """Something that somebody does about the open alerts of a rule.

    Attributes:
        at_us: when.
        kind: what.
        by: who.
        rule: name of the rule.
        labels: the alerts have these; {} = all of the rule.
        meets: of a NOTE: the deadline that is met with it, e.g. "update"; "" = none.

    """

    at_us: int
    kind: HandKind
    by: str
    rule: str
    labels: Mapping[str, str] = field(default_factory=dict)
    meets: str = ""


@dataclass(frozen=True, slots=True)
class GivenSilence:
    """A silence that somebody puts in when it begins; matchers as they are written."""

    starts_us: int
    ends_us: int
    matchers: tuple[str, ...]
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated.

    Attributes:
        rules: all that holds meanwhile.
        names: alert rules that are evaluated.
        histories: what they read.
        start_us: first evaluation.
        last_us: no evaluation comes after it.
        every_us: distance of evaluations.
        end_us: the clock goes on until then; not before `last_us`.
        hands: what people do.
        silences: what they put in.
        notes: what must be known of the values.
        watermark_us: up to where the events behind the values were complete; None = they come from no events.

    """

    rules: RuleSet
    names: tuple[str, ...]
    histories: Mapping[FactSource, History]
    start_us: int
    last_us: int
    every_us: int
    end_us: int
    hands: Sequence[Hand] = ()
    silences: Sequence[GivenSilence] = ()
    notes: Sequence[Note] = ()
    watermark_us: int | None = None


class EntryKind(StrEnum):
    """What a line of a timeline tells.

    PENDING: a condition holds, not yet for long enough. CALMED: it did not hold for long enough. OPENED, CHANGED,
    RESOLVED: an alert. SENT: a message went out. HELD: a message waits for the rate limit of its channel. UNTOLD:
    nobody is told of an alert, and why. UNSENT: a message that its channel does not want, or that has no channel.
    LEVEL: a level of an escalation is told. UNREACHED: a level, or somebody of it, cannot be. EXHAUSTED: all levels
    were told. DEADLINE_MISSED: what a policy promises did not happen in time. ACKNOWLEDGED, UNACKNOWLEDGED, NOTED:
    by whom. SILENCED, SILENCE_ENDED: what people put in. BACKLOG: an item was put there instead of telling somebody.
    IGNORED: what somebody wanted to do about an alert had none to be about.
    """

    PENDING = "pending"
    CALMED = "calmed"
    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"
    SENT = "sent"
    HELD = "held"
    UNTOLD = "untold"
    UNSENT = "unsent"
    LEVEL = "level"
    UNREACHED = "unreached"
    EXHAUSTED = "exhausted"
    DEADLINE_MISSED = "deadline_missed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    NOTED = "noted"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    BACKLOG = "backlog"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a timeline.

    Attributes:
        at_us: when.
        kind: what.
        subject: what it is about, for people: an alert, a message, a silence.
        text: why, or what more there is to say, for people.
        rule: of the alerts; "" = of several, or of none.
        labels: that the alerts have alike, the rule's among them.
        severity: the worst of the alerts; "" = none.
        alerts: ids of the first ones.
        alerts_total: how many there are.
        channels: that it goes to, or would have gone to.
        people: whose these are, and who acts.
        reason: why a message goes out ("first", "repeat", "escalation", …), or why not ("silenced", "rate_limit", …).
        route: that led to it; "" = none did.
        policy, level, attempt: of an escalation; attempt counts the times that the level was told in its round.
        deadline: that was missed.
        parts: of a message: how many notifications it bundles.
        waited_us: of a message: how long the first of them waited.

    """

    at_us: int
    kind: EntryKind
    subject: str
    text: str = ""
    rule: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    severity: str = ""
    alerts: tuple[str, ...] = ()
    alerts_total: int = 0
    channels: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    reason: str = ""
    route: str = ""
    policy: str = ""
    level: str = ""
    attempt: int = 0
    deadline: str = ""
    parts: int = 0
    waited_us: int = 0


@dataclass(frozen=True, slots=True)
class RecipientCount:
    """What went to a channel; a channel that is there and was not used has 0.

    Attributes:
        channel: its name.
        person: whose it is; "" = nobody's.
        messages: sent.
        notifications: told in them.
        held: notifications that waited for the rate limit.
        longest_wait_us: of those.

    """

    channel: str
    person: str = ""
    messages: int = 0
    notifications: int = 0
    held: int = 0
    longest_wait_us: int = 0


@dataclass(frozen=True, slots=True)
class LevelCount:
    """How often a level of a policy was told, and how often it reached nobody."""

    policy: str
    level: str
    told: int = 0
    unreached: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """A timeline in numbers.

    Attributes:
        opened, resolved, open: alerts; `open` at the end.
        recipients: by person and channel, all that there are.
        untold: by reason: alerts that nobody was told of, conditions that did not hold long enough, messages that were
            not wanted.
        levels: in the order in which they were reached.
        exhausted: escalations that came to their end.
        deadlines: missed, by name.
        waiting: notifications that still wait for a rate limit at the end.

    """

    opened: int = 0
    resolved: int = 0
    open: int = 0
    recipients: tuple[RecipientCount, ...] = ()
    untold: Mapping[str, int] = field(default_factory=dict)
    levels: tuple[LevelCount, ...] = ()
    exhausted: int = 0
    deadlines: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulation came to.

    Attributes:
        start_us, last_us, every_us: the evaluations.
        end_us: when the clock stopped.
        revision: of the rules.
        rules: names of the alert rules that were evaluated.
        evaluations: of a rule at an instant.
        entries: by time.
        summary: of all of them.
        notes: what must be known of the values.
        watermark_us: see Scenario.

    """

    start_us: int
    last_us: int
    every_us: int
    end_us: int
    revision: str
    rules: tuple[str, ...]
    evaluations: int
    entries: tuple[Entry, ...]
    summary: Summary
    notes: Sequence[Note] = ()
    watermark_us: int | None = None
