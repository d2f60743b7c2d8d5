"""Kind EventMapping: columns of a file to event fields, event names to roles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trueline_rules.kinds.fields import ALWAYS_GIVEN, EVENT_NAME, EVENT_NAMES, OPTIONAL, PROPERTY_KEY, ROLE, event_names
from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.model import ANY, EventMapping, FieldSource, Metadata, Role
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record, map_of
from trueline_rules.scalars import Choice, Flag, Number, Text
from trueline_rules.site import Site

ACTIVITY = "activity"
PLACEHOLDERS = ("{line}", "{file}")
TIME_FORMATS = ("rfc3339", "epoch_s", "epoch_ms", "epoch_us")
# Any other members of an object column become properties.
REST = "*"
_BRACED = re.compile(r"\{[^{}]*\}?|\}")


def _placeholders_known(constant: str) -> str | None:
    for found in _BRACED.findall(constant):
        if found not in PLACEHOLDERS:
            return f"has {quoted(found)}, which is no placeholder{hint(found, PLACEHOLDERS)}"
    return None


def _time_format(written: str) -> str | None:
    """Try the pattern on a day that no other reading of its digits gives."""
    if written in TIME_FORMATS:
        return None
    if "%" not in written:
        return f"is {quoted(written)}, neither a strptime pattern nor a known format{hint(written, TIME_FORMATS)}"
    sample = datetime(2001, 11, 23, 4, 56, 7, tzinfo=UTC)
    try:
        read = datetime.strptime(sample.strftime(written), written)  # noqa: DTZ007 - only the date is compared
    except (ValueError, re.error):
        return f"is {quoted(written)}, which is no strptime pattern"
    return None if read.date() == sample.date() else f"is {quoted(written)}, which does not hold a whole date"


_COLUMN = Text("a column", most=1024)
_BASE = {
    "column": Key(_COLUMN, "Column (CSV, Parquet) or key (JSON, dots for nested ones)."),
    "constant": Key(
        Text("a text", lines=True, most=1024, check=_placeholders_known),
        'A fixed text instead; "{line}" is the number of the line, "{file}" the name of the file.',
    ),
    "absent": Key(ListOf(Text("a text", least=0, lines=True)), 'Texts that mean absent, e.g. "".'),
}


def _source(**further: Key) -> Either:
    return Either(scalar=_COLUMN, mapping=Record({**_BASE, **further}, rules=(OneOf(("column", "constant")),)))


_FORMAT = Key(
    Text("a format", most=128, check=_time_format),
    "How a time is written: rfc3339 (with offset), epoch_s, epoch_ms, epoch_us, or a strptime pattern, which means UTC "
    "where it has no offset (%z).",
)
_MUST = Key(Flag(only=True), "Always true for this field.")
_MAY = Key(Flag(), "A record without it is refused.")
_FIELDS = {
    "id": "What tells an event from all others of its source.",
    "source": "Where the event comes from.",
    "name": "What happened.",
    "occurred_at": "When it happened.",
    "user_id": "Who did it.",
    "account_id": "The account that the user belongs to.",
    "anonymous_id": "Who did it, before it is known.",
    "device_id": "The device that it was done on.",
    "value": "An amount: of a payment, of what was spent.",
    "currency": "Currency of the amount.",
}
_FURTHER: Mapping[str, Mapping[str, Key]] = {"occurred_at": {"format": _FORMAT}}

SPEC = Record(
    {
        "fields": Key(
            Record(
                {
                    name: Key(_source(required=_MUST, **_FURTHER.get(name, {})), _FIELDS[name], required=True)
                    for name in ALWAYS_GIVEN
                }
                | {name: Key(_source(required=_MAY), _FIELDS[name]) for name in OPTIONAL}
            ),
            "Event fields and where they come from: a column, or {column: ...} or {constant: ...}.",
            required=True,
        ),
        "properties": Key(
            Record(
                {REST: Key(_COLUMN, "A column that holds an object; all its members become properties.")},
                rest=(
                    PROPERTY_KEY,
                    _source(
                        required=_MAY,
                        type=Key(Choice(("string", "number", "bool")), "Its type; absent = as in the file."),
                    ),
                ),
                about="A property and the column that it comes from.",
            ),
            "Properties and where they come from.",
        ),
        "roles": Key(
            map_of(
                ROLE,
                Either(
                    scalar=EVENT_NAME,
                    sequence=ListOf(EVENT_NAME),
                    mapping=Record(
                        {
                            "events": Key(EVENT_NAMES, 'Event names; "*" for all.', required=True),
                            "occurrence": Key(
                                Number(least=1, most=1_000_000, whole=True), "Only the n-th such event of each user."
                            ),
                        }
                    ),
                ),
                least=0,
                about="A role and the events that play it.",
            ),
            'Roles and the events that play them; "*" for all events.',
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> EventMapping:
    """Make an event mapping; every event is activity unless the mapping says otherwise."""
    fields = {name: _field_source(written, name in ALWAYS_GIVEN) for name, written in spec["fields"].items()}
    constant_id = fields["id"].constant
    if constant_id is not None and "{line}" not in constant_id:
        site.problem(("spec", "fields", "id"), "is the same for every event; put {line} into the constant")
    properties = dict(spec.get("properties", {}))
    rest = properties.pop(REST, "")
    roles = {role: _role(role, written, site) for role, written in spec.get("roles", {}).items()}
    roles.setdefault(ACTIVITY, Role((ANY,)))
    return EventMapping(
        metadata=metadata,
        fields=fields,
        properties={key: _field_source(written, required=False) for key, written in properties.items()},
        properties_object=rest,
        roles=roles,
    )


def dump(mapping: EventMapping) -> dict[str, Any]:
    """Write an event mapping as a spec."""
    properties: dict[str, Any] = {key: _dump_source(source) for key, source in mapping.properties.items()}
    if mapping.properties_object:
        properties[REST] = mapping.properties_object
    return {
        "fields": {name: _dump_source(source) for name, source in mapping.fields.items()},
        "properties": properties,
        "roles": {
            name: {"events": list(role.events)} | ({"occurrence": role.occurrence} if role.occurrence else {})
            for name, role in mapping.roles.items()
        },
    }


def _field_source(written: str | Spec, required: bool) -> FieldSource:
    if isinstance(written, str):
        return FieldSource(column=written, required=required)
    return FieldSource(
        column=written.get("column", ""),
        constant=written.get("constant"),
        required=required or written.get("required", False),
        type=written.get("type", ""),
        format=written.get("format", ""),
        absent=written.get("absent", ()),
    )


def _dump_source(source: FieldSource) -> dict[str, Any]:
    written: dict[str, Any] = {"column": source.column} if source.constant is None else {"constant": source.constant}
    further = {"required": source.required, "type": source.type, "format": source.format, "absent": list(source.absent)}
    return written | {key: value for key, value in further.items() if value}


def _role(role: str, written: str | tuple[str, ...] | Spec, site: Site) -> Role:
    if isinstance(written, Mapping):
        events, occurrence = event_names(written["events"]), written.get("occurrence")
    else:
        events, occurrence = event_names(written), None
    if ANY in events and len(events) > 1:
        site.problem(("spec", "roles", role), f"has {quoted(ANY)}, which means every event, beside other names")
    return Role(events, occurrence)


KIND = Kind("EventMapping", "Columns of a file to event fields, and event names to roles.", SPEC, build, dump)
