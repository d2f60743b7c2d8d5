"""Kind FactType: name, subject, type and unit of a fact that others put in."""

from __future__ import annotations

from typing import Any

from trueline_rules.alert_model import FactType
from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.records import Key, Record
from trueline_rules.scalars import Choice, Flag, Number, Text
from trueline_rules.site import Site

TYPES = ("number", "decimal", "text", "bool", "datetime", "texts")
NUMERIC = ("number", "decimal")
# Names that stand in expressions; metadata.name may also have "-", which an expression reads as a minus.
# Words of the language of expressions, which no fact can be called.
WORDS = frozenset(
    {"and", "or", "not", "in", "for", "if", "else", "true", "false", "null", "inf", "nan", "elif", "while"}
)


def _no_word(name: str) -> str | None:
    return f"is {quoted(name)}, a word of the language of conditions; choose another name" if name in WORDS else None


FACT_NAME = Text(
    "a fact's name of lowercase letters, digits and '_' that starts with a letter",
    "[a-z][a-z0-9_]{0,62}",
    most=63,
    check=_no_word,
)

SUBJECT = Text("a subject of lowercase letters and '_'", "[a-z][a-z_]{0,62}", most=63)

SPEC = Record(
    {
        "subject": Key(
            SUBJECT,
            "What it is about: tenant, account, user, pattern, feature, …",
            required=True,
        ),
        "type": Key(Choice(TYPES), "Type of its value; texts is a set of texts.", required=True),
        "unit": Key(Text("a unit", most=64), "Unit of a number, for people."),
        "nullable": Key(Flag(), "Whether it may be absent; false promises that it is there.", default=True),
        "sensitive": Key(Flag(), "Whether the decision log leaves out its values (false unless it says true)."),
        "least": Key(Number(), "The least that a number can be; less is refused."),
        "most": Key(Number(), "The most that a number can be; more is refused."),
        "past": Key(Flag(), "Whether an instant tells what has been; one that lies ahead is refused."),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> FactType:
    """Make a fact type."""
    wrong = FACT_NAME.wrong(metadata.name)
    if wrong is not None:
        site.problem(("metadata", "name"), wrong)
    if "unit" in spec and spec["type"] not in NUMERIC:
        site.problem(("spec", "unit"), f"is {quoted(spec['unit'])}, but a {spec['type']} has no unit", key=True)
    least, most = spec.get("least"), spec.get("most")
    for key in ("least", "most"):
        if key in spec and spec["type"] not in NUMERIC:
            site.problem(("spec", key), f"is {spec[key]:g}, but a {spec['type']} has no bounds", key=True)
    if least is not None and most is not None and most < least:
        site.problem(("spec", "most"), f"is {most:g}, below spec.least, {least:g}: no value could be right")
    if spec.get("past") and spec["type"] != "datetime":
        site.problem(("spec", "past"), f"is true, but a {spec['type']} is no instant", key=True)
    return FactType(
        metadata=metadata,
        subject=spec["subject"],
        type=spec["type"],
        unit=spec.get("unit", ""),
        nullable=spec.get("nullable", True),
        sensitive=spec.get("sensitive", False),
        least=least,
        most=most,
        past=spec.get("past", False),
    )


def dump(fact: FactType) -> dict[str, Any]:
    """Write a fact type as a spec."""
    spec: dict[str, Any] = {"subject": fact.subject, "type": fact.type, "nullable": fact.nullable}
    # Left out where they say nothing, so that revisions of files without them stay what they were.
    more = {"unit": fact.unit, "sensitive": fact.sensitive, "past": fact.past}
    bounds = {"least": fact.least, "most": fact.most}
    spec |= {key: value for key, value in more.items() if value}
    return spec | {key: value for key, value in bounds.items() if value is not None}


KIND = Kind("FactType", "A fact that others put in: what it is about, and its type.", SPEC, build, dump)
