"""Checks OSCAL assessment results and plans of action, written by whomever, against the structure of their version."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

# Version in the document -> structure that it is checked against.
_STRUCTURES = (
    (re.compile(r"1\.0\.\d+"), "1.0.4"),
    (re.compile(r"1\.[12]\.\d+"), "1.2.1"),
)
_LATEST = "1.2.1"
ROOTS = ("assessment-results", "plan-of-action-and-milestones")
_FEW = 6


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: where, e.g. "assessment-results/results/0/uuid", and what."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object: its kind, and whether it must be there."""

    kind: str
    required: bool


# Name of an object -> its members.
Structure = Mapping[str, Mapping[str, Member]]


def check(document: object) -> list[Problem]:
    """What is wrong with a document; [] if it is valid.

    Args:
        document: as JSON is read. Its version says what it is checked against: 1.0.x by 1.0.4, 1.1.x and 1.2.x by
            1.2.1; one that says none by 1.2.1.

    """
    if not isinstance(document, dict):
        return [Problem("", f"is {_shown(document)}; give an object with {' or '.join(ROOTS)}")]
    roots = [name for name in ROOTS if name in document]
    if len(roots) != 1 or len(document) != 1:
        told = ", ".join(map(str, document)) or "nothing"
        return [Problem("", f"has {told}; give one of {' and '.join(ROOTS)}, and nothing else")]
    (root,) = roots
    version = version_of(document)
    structure = next((name for pattern, name in _STRUCTURES if pattern.fullmatch(version)), None)
    if version and structure is None:
        place = f"{root}/metadata/oscal-version"
        return [Problem(place, f"is {_shown(version)}; versions 1.0.x, 1.1.x and 1.2.x can be checked")]
    return [*_check(document[root], f"@{root}", root, _structure(structure or _LATEST))]


def version_of(document: Mapping[str, object]) -> str:
    """The version of OSCAL that a document says; "" if it says none."""
    for body in document.values():
        metadata = body.get("metadata") if isinstance(body, dict) else None
        version = metadata.get("oscal-version") if isinstance(metadata, dict) else None
        if isinstance(version, str):
            return version
    return ""


@cache
def _structure(version: str) -> Structure:
    text = files("trueline_cli.compliance").joinpath(f"oscal_{version}.txt").read_text("utf-8")
    lines = re.sub(r"\n +", " ", "".join(line for line in text.splitlines(keepends=True) if line[0] != "#"))
    found = {}
    for line in lines.splitlines():
        name, _, members = line.partition("=")
        pairs = (member.split(":", 1) for member in members.split())
        found[name.strip()] = {key.removesuffix("?"): Member(kind, not key.endswith("?")) for key, kind in pairs}
    return found


def _check(value: object, kind: str, place: str, structure: Structure) -> Iterator[Problem]:
    either = kind.split("|") if not kind.startswith("[") else [kind]
    if len(either) > 1:
        # What somebody most likely meant is what least is wrong with.
        tries = ([*_check(value, each, place, structure)] for each in either)
        yield from min(tries, key=len)
    elif kind.startswith("@"):
        yield from _check_object(value, structure[kind[1:]], place, structure)
    elif kind.startswith("["):
        yield from _check_list(value, kind, place, structure)
    elif kind.startswith("one("):
        allowed = kind[4:-1].split(",")
        if value not in allowed:
            yield Problem(place, f"is {_shown(value)}; give one of {', '.join(allowed)}")
    elif not _KINDS[kind][0](value):
        yield Problem(place, f"is {_shown(value)}; give {_KINDS[kind][1]}")


def _check_object(value: object, members: Mapping[str, Member], place: str, structure: Structure) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(place, f"is {_shown(value)}; give an object")
        return
    for name, member in members.items():
        if name in value:
            yield from _check(value[name], member.kind, f"{place}/{name}", structure)
        elif member.required:
            yield Problem(place, f"lacks {name}; add it")
    for name in value:
        if name not in members:
            close = get_close_matches(name, members, n=1)
            way_out = f"did you mean {close[0]}?" if close else f"{', '.join([*members][:_FEW]) or 'nothing'}, … may be"
            yield Problem(place, f"has {_shown(name)}, which may not be there; {way_out}")


def _check_list(value: object, kind: str, place: str, structure: Structure) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(place, f"is {_shown(value)}; give a list")
        return
    if not value and not kind.endswith("*"):
        yield Problem(place, "is empty; leave it out, or say something in it")
    for at, each in enumerate(value):
        yield from _check(each, kind[1 : kind.rindex("]")], f"{place}/{at}", structure)


def _shown(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}")
_STRING = re.compile(r"\S(.*\S)?")
_LINE = re.compile(r"[^\n]+")
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+\-.]+:.+")
_EMAIL = re.compile(r".+@.+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _token(value: object) -> bool:
    """A letter or "_", then letters, digits of any script, ".", "-" and "_"."""
    if not isinstance(value, str) or not value:
        return False
    classes = [unicodedata.category(one)[0] for one in value]
    first = value[0] == "_" or classes[0] == "L"
    return first and all(one in "._-" or kind in "LN" for one, kind in zip(value, classes, strict=True))


def _instant(value: object) -> bool:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(re.sub(r"\.\d+", "", value))
    except ValueError:
        return False
    return True


# Kind -> whether a value is one, and what to give.
_KINDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "uuid": (_matches(_UUID), "a UUID of version 4 or 5"),
    "token": (_token, "a token: a letter, then letters, digits, '.', '-' and '_'"),
    "string": (_matches(_STRING), "a line of text without space around it"),
    "line": (_matches(_LINE), "a line of text"),
    "text": (lambda value: isinstance(value, str), "a text"),
    "uri": (_matches(_URI), "an absolute URI"),
    "email": (_matches(_EMAIL), "a mail address"),
    "instant": (_instant, "an instant with a time zone, e.g. 2026-03-31T12:00:00Z"),
    "integer": (lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a whole number"),
}
