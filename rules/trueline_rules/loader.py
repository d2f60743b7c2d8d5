"""From rule files to the rule set in force: layers that override those below, and the checks between documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trueline_rules.digest import definition_of, revision_of
from trueline_rules.documents import Document, parse_mapping, parse_rules
from trueline_rules.errors import Problems
from trueline_rules.escalation_model import EscalationPolicy
from trueline_rules.files import find_files, read_text
from trueline_rules.kinds import KINDS, Known
from trueline_rules.kinds.fields import STANDARD_ROLES
from trueline_rules.kpi_circles import refuse_circles
from trueline_rules.layers import OPERATOR, Layer, ReadLayer, pack_layer, read_layer, read_whole
from trueline_rules.mapping_circles import refuse_contradictions
from trueline_rules.metric_labels import label_names
from trueline_rules.model import EventMapping, Place, RuleSet
from trueline_rules.names import hint, nearest, quoted

__all__ = ["load_layers", "load_rules", "load_texts", "nearest", "parse_mapping", "parse_rules"]

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
    texts = [(str(path), read_text(path, problems)) for path in find_files(paths, problems)]
    return _load([*_below(default_pack), read_whole(OPERATOR, texts)], problems, mapping)


def load_texts(texts: Iterable[tuple[str, str]], *, mapping: str | None = None, default_pack: bool = True) -> RuleSet:
    """Load the texts of rule files as `load_rules` loads the files; no file is read but those of the default pack.

    Args:
        texts: name of a file, as problems tell it, and what it holds; in this order.
        mapping: name of the event mapping in force; None or "" = the one loaded last.
        default_pack: load the pack that comes with Trueline first.

    Raises:
        RuleFileError: with every problem found, in order of place.

    """
    return _load([*_below(default_pack), read_whole(OPERATOR, texts)], Problems(), mapping)


def load_layers(layers: Sequence[Layer], *, mapping: str | None = None) -> RuleSet:
    """Load layers of rule files, the lowest first, into a rule set that tells where each document comes from.

    Args:
        layers: the lowest is usually the default pack, see layers.pack_layer.
        mapping: name of the event mapping in force; None or "" = the one loaded last.

    Raises:
        RuleFileError: with every problem found, in order of place.

    """
    return _load([read_layer(layer) for layer in layers], Problems(), mapping)


def _below(default_pack: bool) -> list[ReadLayer]:
    return [read_layer(pack_layer())] if default_pack else []


def _load(layers: Sequence[ReadLayer], problems: Problems, mapping: str | None) -> RuleSet:
    for layer in layers:
        for file in layer.files:
            problems.start(file)
        for problem in layer.problems:
            problems.add(problem.place, problem.message)
    merged, origins = _merge(layers)
    if all(layer.complete for layer in layers):
        _check_references(merged, problems)
    problems.raise_if_any()
    mappings = {name: document.model for (kind, name), document in merged.items() if kind == "EventMapping"}
    return _assemble(merged, _mapping_in_force(mappings, mapping, problems), origins)


def _merge(layers: Sequence[ReadLayer]) -> tuple[_Merged, dict[tuple[str, str], str]]:
    """The documents that hold, and the origin of each."""
    merged: dict[tuple[str, str], Document] = {}
    origins: dict[tuple[str, str], str] = {}
    for layer in layers:
        replaced = {document.name for document in layer.documents if document.kind == "AlertRule"}
        # A test below says nothing about the rule that replaces the one it was written for.
        for key, document in list(merged.items()):
            if document.kind == "RuleTest" and document.model is not None and document.model.rule in replaced:
                del merged[key]
        for document in layer.documents:
            key = (document.kind, document.name)
            # Taken out first, so that what overrides stands where it was loaded: the last mapping is the one in force.
            merged[key] = _over(merged.pop(key, None), document)
            origins[key] = layer.origin
    return merged, {key: origins[key] for key in merged}


def _over(below: Document | None, document: Document) -> Document:
    """What overrides another document; a policy is matched as the one below it unless it says how.

    Whoever writes other people into a policy would else have its alerts take another one.
    """
    before, model = (None if below is None else below.model), document.model
    if isinstance(before, EscalationPolicy) and isinstance(model, EscalationPolicy) and model.match is None:
        return dataclasses.replace(document, model=dataclasses.replace(model, match=before.match, order=before.order))
    return document


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
    metrics = _sound(merged, "Metric")
    for name, metric in metrics.items():
        labels["metric", name] = tuple(label_names(metric.group_by).values())
    known = Known(
        names,
        frozenset(roles),
        facts,
        _sound(merged, "AlertRule"),
        labels,
        people=_people(merged),
        routes=_sound(merged, "Route"),
        frameworks=_sound(merged, "ComplianceFramework"),
        metrics=metrics,
    )
    refuse_circles(merged.values(), problems)
    refuse_contradictions(merged.values(), problems)
    for document in merged.values():
        if document.model is not None:
            KINDS[document.kind].check(document.model, document.site.moved(problems), known)


def _sound(merged: _Merged, kind: str) -> dict[str, Any]:
    """The values of a kind by name, without those that are broken."""
    found = ((name, document.model) for (of, name), document in merged.items() if of == kind)
    return {name: model for name, model in found if model is not None}


def _people(merged: _Merged) -> frozenset[str] | None:
    """Whom some notification channel reaches; None if a channel is broken, for it may reach anybody."""
    channels = [document.model for (kind, _), document in merged.items() if kind == "NotificationChannel"]
    if None in channels or "NotificationChannel" not in KINDS:
        return None
    return frozenset(channel.person for channel in channels if channel.person)


def _mapping_in_force(mappings: Mapping[str, EventMapping], wanted: str | None, problems: Problems) -> EventMapping:
    if wanted and wanted not in mappings:
        problems.add(Place("mapping", 0, 0), f"no event mapping is called {quoted(wanted)}{hint(wanted, mappings)}")
    elif not mappings:
        problems.add(Place("rule files", 0, 0), "there is no EventMapping among them")
    problems.raise_if_any()
    return mappings[wanted] if wanted else list(mappings.values())[-1]


def _assemble(merged: _Merged, mapping: EventMapping, origins: Mapping[tuple[str, str], str]) -> RuleSet:
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
        origins=origins,
    )
    for name, metric in rules.metrics.items():
        resolved = dataclasses.replace(metric, less_events=rules.events_playing(metric.less))
        definition = definition_of(resolved, rules.events_of(resolved))
        by_kind["Metric"][name] = dataclasses.replace(resolved, definition=definition)
    return rules
