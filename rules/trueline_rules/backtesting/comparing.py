"""The difference between two rule sets: of what they say, and of what they would have done."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trueline_rules.alert_rules import compile_rule
from trueline_rules.backtesting.replay import Firing
from trueline_rules.documents import dump_document
from trueline_rules.expressions.canonical import canonical
from trueline_rules.model import RuleSet


class Change(StrEnum):
    """What became of a document, or of a firing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that one set has and the other has not, or says otherwise; field -> (before, after)."""

    change: Change
    kind: str
    name: str
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class FiringChange:
    """A firing that appears, vanishes, or begins, ends or weighs otherwise."""

    change: Change
    before: Firing | None
    after: Firing | None


def document_changes(before: RuleSet, after: RuleSet) -> list[DocumentChange]:
    """Documents that mean something else, by kind and name; order and layout of files and conditions do not count."""
    first, second = dict(_dumped(before)), dict(_dumped(after))
    changes = []
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        if one == other:
            continue
        change = Change.ADDED if one is None else Change.REMOVED if other is None else Change.CHANGED
        fields = dict(_fields(one, other)) if one is not None and other is not None else {}
        for severity in _rewritten(key, before, after):
            fields.pop(f"spec.{severity}", None)
        if fields or change is not Change.CHANGED:
            changes.append(DocumentChange(change, *key, fields))
    return changes


def _rewritten(key: tuple[str, str], before: RuleSet, after: RuleSet) -> list[str]:
    """The severities of an alert rule whose conditions are written otherwise at most, and mean the same."""
    kind, name = key
    if kind != "AlertRule" or name not in before.alert_rules or name not in after.alert_rules:
        return []
    first, second = (_forms(rules, name) for rules in (before, after))
    return [severity for severity, form in first.items() if second.get(severity) == form]


def _forms(rules: RuleSet, name: str) -> dict[str, Hashable]:
    compiled = compile_rule(rules.alert_rules[name], rules.fact_types)
    return {severity: canonical(condition.tree) for severity, condition in compiled.conditions.items()}


def _dumped(rules: RuleSet) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for kind, documents in rules.documents.items():
        for name, model in documents.items():
            yield (kind, name), dump_document(kind, model)


def _fields(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                yield from _fields(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    else:
        yield path, (one, other)


def firing_changes(before: Iterable[Firing], after: Iterable[Firing]) -> list[FiringChange]:
    """Firings of the same rule and labels that overlap in time are one that moved; the others appear or vanish."""
    rest = list(after)
    changes = []
    for firing in before:
        twin = next((other for other in rest if _overlap(firing, other)), None)
        if twin is None:
            changes.append(FiringChange(Change.REMOVED, firing, None))
            continue
        rest.remove(twin)
        if twin != firing:
            changes.append(FiringChange(Change.CHANGED, firing, twin))
    changes += [FiringChange(Change.ADDED, None, firing) for firing in rest]
    return sorted(changes, key=_when)


def _overlap(one: Firing, other: Firing) -> bool:
    if (one.rule, one.labels) != (other.rule, other.labels):
        return False
    return (one.until_us is None or other.since_us < one.until_us) and (
        other.until_us is None or one.since_us < other.until_us
    )


def _when(change: FiringChange) -> tuple[int, str]:
    known: Sequence[Firing] = [firing for firing in (change.before, change.after) if firing is not None]
    return min(firing.since_us for firing in known), known[0].rule
