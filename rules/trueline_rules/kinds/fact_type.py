"""Kind FactType: name, subject, type and unit of a fact that others put in."""

from __future__ import annotations

from typing import Any

from trueline_rules.alert_model import FactType
from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.records import Key, Record
from trueline_rules.scalars import Choice, Flag, Text
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
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> FactType:
    """Make a fact type."""
    wrong = FACT_NAME.wrong(metadata.name)
    if wrong is not None:
        site.problem(("metadata", "name"), wrong)
    if "unit" in spec and spec["type"] not in NUMERIC:
        site.problem(("spec", "unit"), f"is {quoted(spec['unit'])}, but a {spec['type']} has no unit", key=True)
    return FactType(
        metadata,
        spec["subject"],
        spec["type"],
        spec.get("unit", ""),
        spec.get("nullable", True),
        spec.get("sensitive", False),
    )


def dump(fact: FactType) -> dict[str, Any]:
    """Write a fact type as a spec."""
    spec: dict[str, Any] = {"subject": fact.subject, "type": fact.type, "nullable": fact.nullable}
    # Left out where it says nothing, so that revisions of files without it stay what they were.
    return spec | ({"unit": fact.unit} if fact.unit else {}) | ({"sensitive": True} if fact.sensitive else {})


KIND = Kind("FactType", "A fact that others put in: what it is about, and its type.", SPEC, build, dump)
