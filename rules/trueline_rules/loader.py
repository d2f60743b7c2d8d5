"""From rule files to the rule set in force: the default pack, what overrides it, and the checks between documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from trueline_rules.digest import definition_of, revision_of
from trueline_rules.documents import Document, parse_mapping, parse_rules, read_documents, refuse_duplicates
from trueline_rules.errors import Problems
from trueline_rules.files import SUFFIXES, find_files, read_text
from trueline_rules.kinds import KINDS, Known
from trueline_rules.kinds.fields import STANDARD_ROLES
from trueline_rules.metric_labels import label_names
from trueline_rules.model import EventMapping, Place, RuleSet
from trueline_rules.names import hint, nearest, quoted

__all__ = ["load_rules", "load_texts", "nearest", "parse_mapping", "parse_rules"]

PACKAGE = "trueline_rules"
PACKS = "packs"

_Merged = Mapping[tuple[str, str], Document]


def load_rules(paths: Sequence[Path], *, mapping: str | None = None, default_pack: bool = True) -> RuleSet:
    """Load rule files into a rule set, or tell all that is wrong with them.

    A document overrides the one of the default pack with its kind and name; two of the same among `paths` are an error.

    Args:
        paths: files, and directories whose *.yaml and *.yml are read by name, in this order.
        mapping: name of the event mapping in force; None or "" = the one loaded last.
        default_pack: load the pack that comes with Trueline first.

    Raises:
        RuleFileError: with every problem found, in order of place.

    """
    problems = Problems()
    texts = ((str(path), read_text(path, problems)) for path in find_files(paths, problems))
    return _load(texts, problems, mapping, default_pack=default_pack)


def load_texts(texts: Iterable[tuple[str, str]], *, mapping: str | None = None, default_pack: bool = True) -> RuleSet:
    """Load the texts of rule files as `load_rules` loads the files; no file is read but those of the default pack.

    Args:
        texts: name of a file, as problems tell it, and what it holds; in this order.
        mapping: name of the event mapping in force; None or "" = the one loaded last.
        default_pack: load the pack that comes with Trueline first.

    Raises:
        RuleFileError: with every problem found, in order of place.

    """
    return _load(texts, Problems(), mapping, default_pack=default_pack)


def _load(
    texts: Iterable[tuple[str, str | None]], problems: Problems, mapping: str | None, *, default_pack: bool
) -> RuleSet:
    own, complete = _read_texts(texts, problems)
    refuse_duplicates(own, problems)
    merged = _merge(_default_pack() if default_pack else (), own)
    if complete:
        _check_references(merged, problems)
    problems.raise_if_any()
    mappings = {name: document.model for (kind, name), document in merged.items() if kind == "EventMapping"}
    return _assemble(merged, _mapping_in_force(mappings, mapping, problems))


def _read_texts(texts: Iterable[tuple[str, str | None]], problems: Problems) -> tuple[list[Document], bool]:
    """The documents of texts; None stands for a file that could not be read, which is noted by then."""
    documents: list[Document] = []
    complete = True
    for file, text in texts:
        if text is None:
            complete = False
            continue
        read, whole = read_documents(text, file, problems)
        documents += read
        complete = complete and whole
    return documents, complete


@cache
def _default_pack() -> tuple[Document, ...]:
    problems = Problems()
    documents: list[Document] = []
    folder = resources.files(PACKAGE) / PACKS
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if Path(file.name).suffix in SUFFIXES:
            name = f"{PACKAGE}/{PACKS}/{file.name}"
            documents += read_documents(file.read_text(encoding="utf-8"), name, problems)[0]
    refuse_duplicates(documents, problems)
    problems.raise_if_any()
    return tuple(documents)


def _merge(pack: Sequence[Document], own: Sequence[Document]) -> _Merged:
    merged: dict[tuple[str, str], Document] = {}
    replaced = {document.name for document in own if document.kind == "AlertRule"}
    # The pack's test of a rule says nothing about the one that replaces it.
    kept = (document for document in pack if document.kind != "RuleTest" or document.model.rule not in replaced)
    for document in (*kept, *own):
        key = (document.kind, document.name)
        # Taken out first, so that what overrides stands where it was loaded: the last mapping is the one in force.
        merged.pop(key, None)
        merged[key] = document
    return merged


def _check_references(merged: _Merged, problems: Problems) -> None:
    roles = set(STANDARD_ROLES)
    for document in merged.values():
        if isinstance(document.model, EventMapping):
            roles.update(document.model.roles)
        elif document.kind in {"EventMapping", ""}:
            # What a broken document would have defined is unknown, so nothing can be said about references.
            return
    names = {kind: frozenset(name for of, name in merged if of == kind) for kind in KINDS}
    facts = _sound(merged, "FactType")
    labels: dict[tuple[str, str], tuple[str, ...]] = {("fact", name): (fact.subject,) for name, fact in facts.items()}
    for name, metric in _sound(merged, "Metric").items():
        labels["metric", name] = tuple(label_names(metric.group_by).values())
    known = Known(names, frozenset(roles), facts, _sound(merged, "AlertRule"), labels)
    for document in merged.values():
        if document.model is not None:
            KINDS[document.kind].check(document.model, document.site.moved(problems), known)


def _sound(merged: _Merged, kind: str) -> dict[str, Any]:
    """The values of a kind by name, without those that are broken."""
    found = ((name, document.model) for (of, name), document in merged.items() if of == kind)
    return {name: model for name, model in found if model is not None}


def _mapping_in_force(mappings: Mapping[str, EventMapping], wanted: str | None, problems: Problems) -> EventMapping:
    if wanted and wanted not in mappings:
        problems.add(Place("mapping", 0, 0), f"no event mapping is called {quoted(wanted)}{hint(wanted, mappings)}")
    elif not mappings:
        problems.add(Place("rule files", 0, 0), "there is no EventMapping among them")
    problems.raise_if_any()
    return mappings[wanted] if wanted else list(mappings.values())[-1]


def _assemble(merged: _Merged, mapping: EventMapping) -> RuleSet:
    by_kind: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for (kind, name), document in merged.items():
        by_kind[kind][name] = document.model
    rules = RuleSet(
        revision=revision_of(((kind, document.model) for (kind, _), document in merged.items()), mapping.metadata.name),
        mappings=by_kind["EventMapping"],
        mapping=mapping,
        metrics=by_kind["Metric"],
        kpis=by_kind["Kpi"],
        scorecards=by_kind["Scorecard"],
        fact_types=by_kind["FactType"],
        alert_rules=by_kind["AlertRule"],
        rule_tests=by_kind["RuleTest"],
        documents=by_kind,
    )
    for name, metric in rules.metrics.items():
        by_kind["Metric"][name] = dataclasses.replace(metric, definition=definition_of(metric, rules.events_of(metric)))
    return rules
