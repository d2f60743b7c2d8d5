"""Names of event fields, event names, roles and documents, as several kinds write them."""

from __future__ import annotations

from trueline_rules.names import quoted
from trueline_rules.records import Either, ListOf
from trueline_rules.scalars import Text

ALWAYS_GIVEN = ("id", "source", "name", "occurred_at")
OPTIONAL = ("user_id", "account_id", "anonymous_id", "device_id", "value", "currency")
# Fields that label or select events; the value is a number and the instant is what windows are made of.
LABELS = ("id", "source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
PROPERTY = "properties."

# The roles that the default pack reads or the design names. Another one must be filled by some mapping to be known.
STANDARD_ROLES = frozenset(
    {
        "signup",
        "activation",
        "activity",
        "payment",
        "refund",
        "spend",
        "invite",
        "invite_accepted",
        "workflow",
        "suggestion",
        "subscription",
        "cancellation",
        "closure",
        "touch",
        "conversion",
        "sponsor_deal_due",
        "sponsor_deal_renewed",
        "sponsor_deal_ended",
        "campaign_spend",
        "campaign_result",
        "campaign_finished",
    }
)
# Roles become views that KPI statements read, beside these.
VIEWS = frozenset({"events", "points", "kpis", "facts"})
VIEW_SUFFIX = "_if_any"

DOCUMENT_NAME = Text(
    "a name of up to 63 lowercase letters, digits, '_' and '-' that starts with a letter or digit",
    "[a-z0-9][a-z0-9_-]{0,62}",
    most=63,
)
EVENT_NAME = Text("an event name", most=128)
EVENT_NAMES = Either(scalar=EVENT_NAME, sequence=ListOf(EVENT_NAME))
PROPERTY_KEY = Text("a property's key", most=128)


def _role_free(role: str) -> str | None:
    if role in VIEWS or role.endswith(VIEW_SUFFIX):
        return f"must be another name than {quoted(role)}: it is a view that KPI statements read"
    return None


ROLE = Text(
    "a role name of lowercase letters, digits and '_' that starts with a letter",
    "[a-z][a-z0-9_]{0,62}",
    most=63,
    check=_role_free,
)


def _event_field(*known: str) -> Text:
    pattern = f"{'|'.join(known)}|properties\\..+"
    return Text("an event field", pattern, most=140, near=(*known, f"{PROPERTY}<key>"))


LABEL_FIELD = _event_field(*LABELS)
ANY_FIELD = _event_field(*LABELS, "value")


def event_names(written: str | tuple[str, ...]) -> tuple[str, ...]:
    """Read event names that may be written as one name or as a list."""
    return (written,) if isinstance(written, str) else written
