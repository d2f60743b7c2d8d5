"""What routes, inhibitions, silences, maintenance and channels say, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.model import Metadata
from trueline_rules.routing.matchers import Matcher
from trueline_rules.routing.templates import DEFAULT_TEXT, DEFAULT_TITLE, Template

# `group_by: ['...']`: each alert is a group of its own.
ALL = ("...",)
# `escalation: none`: the policy of the route around it does not hold for this one.
NO_ESCALATION = "none"
# `escalation: matched`, which the root of the pack says: of the policies with `match` the first that holds for the
# alert.
MATCHED = "matched"

MINUTE_US = 60_000_000
DEFAULT_GROUP_BY = ("rule",)
DEFAULT_GROUP_WAIT_US = 30_000_000
DEFAULT_GROUP_INTERVAL_US = 5 * MINUTE_US
DEFAULT_REPEAT_INTERVAL_US = 240 * MINUTE_US
LONGEST_SILENCE_US = 366 * 1440 * MINUTE_US

STANDARD_TITLE = Template(DEFAULT_TITLE)
STANDARD_TEXT = Template(DEFAULT_TEXT)

# First and last of a range, both in it.
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Times that come again and again, as wall clocks of a time zone show them; what is () says nothing.

    Attributes:
        times: [start, end) in minutes since midnight, 0 to 1440.
        weekdays: 0 = Monday ... 6 = Sunday; a range may run over the end of the week, as (5, 0) does.
        days_of_month: 1 to 31, or -1 = the last day to -31.
        months: 1 to 12; a range may run over the end of the year.
        years: four digits.
        location: IANA name of the time zone.

    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: str = "UTC"


@dataclass(frozen=True, slots=True)
class RouteNode:
    """A route as it is written; None = as the route around it has it.

    Attributes:
        matchers: which alerts go this way; () only for the root.
        group_by: labels with the same values in a group; ALL; () = one group.
        channels: names of NotificationChannels; () = nobody is notified.
        escalation: name of an EscalationPolicy; NO_ESCALATION = none; MATCHED = the one that matches the alert.
        mute: intervals in which nobody is notified.
        active: intervals outside of which nobody is notified; () = always active.
        go_on: `continue`: alerts that match here go to later routes beside this one too.
        routes: the first one that matches takes an alert from here.

    """

    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    group_wait_us: int | None = None
    group_interval_us: int | None = None
    repeat_interval_us: int | None = None
    channels: tuple[str, ...] | None = None
    escalation: str | None = None
    mute: tuple[TimeInterval, ...] | None = None
    active: tuple[TimeInterval, ...] | None = None
    go_on: bool = False
    routes: tuple[RouteNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A document of kind Route; without matchers it is the root of all others."""

    metadata: Metadata
    node: RouteNode


@dataclass(frozen=True, slots=True)
class Timing:
    """When a group tells: µs after its first alert, between two flushes, and until it says the same again."""

    group_wait_us: int = DEFAULT_GROUP_WAIT_US
    group_interval_us: int = DEFAULT_GROUP_INTERVAL_US
    repeat_interval_us: int = DEFAULT_REPEAT_INTERVAL_US


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an alert goes: one route with all that it inherits.

    Attributes:
        path: names of the routes from the root on; of a route inside of a document its matchers; then "policy:NAME" if
            the policy was matched. With the labels of a group it identifies the group through all revisions that keep
            the route, so that all alerts of a group have one policy.
        channels: names of NotificationChannels; () = nobody is notified.
        escalation: name of an EscalationPolicy; "" = none.
        group_by: labels, or ALL.
        timing: repeat_interval_us is a multiple of group_interval_us.
        mute: intervals in which nobody is notified.
        active: intervals outside of which nobody is notified; () = always active.

    """

    path: tuple[str, ...]
    channels: tuple[str, ...]
    escalation: str
    group_by: tuple[str, ...]
    timing: Timing
    mute: tuple[TimeInterval, ...] = ()
    active: tuple[TimeInterval, ...] = ()


class SuppressedBy(StrEnum):
    """Why an alert is not notified."""

    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    MUTED = "muted"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an alert is not notified, and until when.

    Attributes:
        by: name or id of the silence, maintenance or inhibition; of the route for MUTED and INACTIVE.
        until_us: when it ends by itself; None = that depends on others, or is more than 400 days away.
        source: fingerprint of the alert that inhibits; "" else.

    """

    kind: SuppressedBy
    by: str
    until_us: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While a source fires, targets with the same values of some labels are not notified."""

    metadata: Metadata
    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that are not notified for a while, from_us <= now < until_us; of a file, or put in by somebody."""

    metadata: Metadata
    matchers: tuple[Matcher, ...]
    author: str
    reason: str
    starts_us: int
    ends_us: int


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Alerts that are not notified at times that come again and again."""

    metadata: Metadata
    matchers: tuple[Matcher, ...]
    intervals: tuple[TimeInterval, ...]
    reason: str = ""


class ChannelType(StrEnum):
    """How a channel carries messages."""

    LOG = "log"
    WEBHOOK = "webhook"
    MAIL = "mail"
    SLACK = "slack"
    DISCORD = "discord"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands: in an environment variable, or as the content of a file. One of the two is there."""

    env: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` messages within `per_us`."""

    count: int
    per_us: int


@dataclass(frozen=True, slots=True)
class NotificationChannel:
    """Where messages go, and how many of them.

    Attributes:
        type: how they are carried.
        url: of a webhook; a Secret where the URL is one (always for slack and discord). "" for log and mail.
        signing_key: of a webhook: the key of the HMAC over its body; None = it is not signed.
        server: of mail: host:port.
        tls: of mail: "starttls", "tls" or "none".
        sender: of mail: the address that it comes from.
        to: of mail: the addresses that it goes to.
        username: of mail; "" = without a login.
        password: of mail.
        person: whose contact it is; "" = nobody's.
        limits: how many messages at most; those beyond wait and go together. () = no limit.
        title: first line or subject.
        text: the rest.
        send_resolved: whether it is told that alerts are resolved.

    """

    metadata: Metadata
    type: ChannelType
    url: str | Secret = ""
    signing_key: Secret | None = None
    server: str = ""
    tls: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    username: str = ""
    password: Secret | None = None
    person: str = ""
    limits: tuple[Limit, ...] = ()
    title: Template = STANDARD_TITLE
    text: Template = STANDARD_TEXT
    send_resolved: bool = True
