"""What is to be assessed, as files say it: YAML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import options
from trueline_cli.files.written import a_list, a_map, a_text, known_keys, read_map

if TYPE_CHECKING:
    from trueline import DataSharing, DataUse

_PATTERN = frozenset({"subject", "kind", "name", "frameworks", "facts"})
_PRIVACY = frozenset(
    {"subject", "kind", "name", "data", "rights", "measures", "people", "automated_decisions", "profile"}
)
_USE = frozenset({"data_type", "purpose", "retention", "legal_basis", "consent_recorded", "shared_with", "encrypted"})
_SHARING = frozenset({"recipient", "country", "safeguard", "contract"})


@dataclass(frozen=True, slots=True)
class PatternFile:
    """A subject with the facts that are given, and the frameworks that it is judged by."""

    subject: str
    kind: str
    name: str
    frameworks: tuple[str, ...]
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PrivacyFile:
    """What is told of a processing of personal data; people 0 and None = not known."""

    subject: str
    kind: str
    name: str
    data: tuple[DataUse, ...]
    rights: Mapping[str, bool | str] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    people: int = 0
    automated_decisions: bool | None = None
    profile: str = ""


def read_pattern(path: Path) -> PatternFile:
    """A pattern: subject, name, frameworks and facts.

    Raises:
        UsageError: the file cannot be read, or says something else.

    """
    whole = _read(path, _PATTERN)
    facts = a_map(whole.get("facts", {}), "facts")
    return PatternFile(
        subject=a_text(whole.get("subject", ""), "subject"),
        kind=a_text(whole.get("kind", ""), "kind"),
        name=a_text(whole.get("name", ""), "name"),
        frameworks=tuple(_texts(whole.get("frameworks", []), "frameworks")),
        facts={name: fact_value(value, f"facts.{name}") for name, value in facts.items()},
    )


def read_privacy(path: Path) -> PrivacyFile:
    """A processing of personal data: subject, name, data, rights, measures, people, automated_decisions, profile.

    Raises:
        UsageError: the file cannot be read, or says something else.

    """
    whole = _read(path, _PRIVACY)
    people = whole.get("people", 0)
    if not isinstance(people, int) or isinstance(people, bool) or people < 0:
        raise options.UsageError("people must be a whole number")
    return PrivacyFile(
        subject=a_text(whole.get("subject", ""), "subject"),
        kind=a_text(whole.get("kind", ""), "kind"),
        name=a_text(whole.get("name", ""), "name"),
        data=tuple(_use(each, f"data[{place}]") for place, each in enumerate(a_list(whole.get("data", []), "data"))),
        rights={
            name: served if isinstance(served, str) else bool(_flag(served, f"rights.{name}"))
            for name, served in a_map(whole.get("rights", {}), "rights").items()
        },
        measures=tuple(_texts(whole.get("measures", []), "measures")),
        people=people,
        automated_decisions=_flag(whole.get("automated_decisions"), "automated_decisions"),
        profile=a_text(whole.get("profile", ""), "profile"),
    )


def fact_value(written: Any, place: str) -> object:
    """A value of a fact: a number, text, true, false, a list of texts, a time, null, {time: …} or {decimal: …}."""
    if isinstance(written, list) and all(isinstance(one, str) for one in written):
        return frozenset(written)
    if isinstance(written, dict) and written.keys() == {"time"}:
        return _instant(written["time"], place)
    if isinstance(written, dict) and written.keys() == {"decimal"}:
        try:
            return Decimal(str(written["decimal"]))
        except InvalidOperation:
            raise options.UsageError(f"{place}: {written['decimal']!r} is no decimal") from None
    if written is None or isinstance(written, str | bool | int | float):
        return written
    if hasattr(written, "isoformat"):
        # YAML reads a time without quotes as one.
        return _instant(written.isoformat(), place)
    told = "is no value; write a number, text, true, false, a list of texts, null, {time: …} or {decimal: …}"
    raise options.UsageError(f"{place} {told}")


def _read(path: Path, known: frozenset[str]) -> Mapping[str, Any]:
    whole = read_map(path)
    known_keys(whole, known, str(path))
    return whole


def _use(written: Any, place: str) -> DataUse:
    from trueline import DataUse

    use = a_map(written, place)
    known_keys(use, _USE, place)
    retention = use.get("retention")
    return DataUse(
        data_type=a_text(use.get("data_type", ""), f"{place}.data_type"),
        purpose=a_text(use.get("purpose", ""), f"{place}.purpose"),
        retention=None if retention is None else _span(retention, f"{place}.retention"),
        legal_basis=a_text(use.get("legal_basis", ""), f"{place}.legal_basis"),
        consent_recorded=_flag(use.get("consent_recorded"), f"{place}.consent_recorded"),
        shared_with=tuple(
            _sharing(each, f"{place}.shared_with[{number}]")
            for number, each in enumerate(a_list(use.get("shared_with", []), f"{place}.shared_with"))
        ),
        encrypted=_flag(use.get("encrypted"), f"{place}.encrypted"),
    )


def _sharing(written: Any, place: str) -> DataSharing:
    from trueline import DataSharing

    sharing = a_map(written, place)
    known_keys(sharing, _SHARING, place)
    # YAML takes the code of Norway for false.
    country = sharing.get("country", "")
    code = "NO" if country is False else a_text(country, f"{place}.country")
    if code and len(code) != 2:
        told = f"{place}.country is '{code}'; write the two letters of ISO 3166-1, e.g. DE"
        raise options.UsageError(told)
    return DataSharing(
        recipient=a_text(sharing.get("recipient", ""), f"{place}.recipient"),
        country=code,
        safeguard=a_text(sharing.get("safeguard", ""), f"{place}.safeguard"),
        contract=_flag(sharing.get("contract"), f"{place}.contract"),
    )


def _span(written: Any, place: str) -> timedelta:
    import argparse

    try:
        return options.length(str(written))
    except argparse.ArgumentTypeError as error:
        raise options.UsageError(f"{place}: {error}") from None


def _instant(written: Any, place: str) -> datetime:
    import argparse

    try:
        return options.instant(str(written))
    except argparse.ArgumentTypeError as error:
        raise options.UsageError(f"{place}: {error}") from None


def _texts(value: Any, place: str) -> list[str]:
    return [a_text(each, place) for each in a_list(value, place)]


def _flag(value: Any, place: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise options.UsageError(f"{place} must be true or false, or be left out if it is not known")
