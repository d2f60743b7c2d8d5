"""Holds the source of a cell against the other documents: it must be there, have the labels, and be a number."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.alert_model import FactType
from trueline_rules.checkpoint_model import Cell
from trueline_rules.kinds.checkpoint_shapes import SOURCES
from trueline_rules.kinds.fact_type import NUMERIC
from trueline_rules.kinds.kind import Known
from trueline_rules.names import hint, quoted
from trueline_rules.site import Site


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """Notes at the site of a policy what is wrong with the source of one of its cells."""

    cell: Cell
    site: Site
    known: Known

    def run(self) -> None:
        """Note it."""
        source = self.cell.value
        if self._defined(source.kind, source.name, SOURCES[source.kind]):
            if source.kind == "metric":
                self._check_metric()
            elif source.kind == "fact":
                self._check_fact()

    def _check_metric(self) -> None:
        source = self.cell.value
        if source.per and not self._defined("per", source.per, "Metric"):
            return
        for name in filter(None, (source.name, source.per)):
            labels = self.known.labels.get(("metric", name), ())
            for label in source.labels:
                if label not in labels:
                    has = f"it has {', '.join(labels)}" if labels else "it has no labels"
                    self._tell("metric", f"is chosen by {quoted(label)}, a label that metric {name} has not; {has}")

    def _check_fact(self) -> None:
        source = self.cell.value
        fact = self.known.fact_types.get(source.name)
        # A fact type that is broken is told already.
        if fact is None:
            return
        if fact.type not in NUMERIC:
            self._tell("fact", f"is {source.name}, a {fact.type}; a target needs a number")
        for name in source.labels:
            other = self._of_same("fact", name, fact)
            if other is not None and other.type != "text":
                self._tell("fact", f"is chosen by fact {name}, a {other.type}; it must be a text")
        if source.observations:
            other = self._of_same("observations", source.observations, fact)
            if other is not None and other.type not in NUMERIC:
                self._tell("observations", f"is {source.observations}, a {other.type}; it must be a number")

    def _of_same(self, key: str, name: str, fact: FactType) -> FactType | None:
        """Another fact of the same kind of subject."""
        other = self.known.fact_types.get(name) if self._defined(key, name, "FactType") else None
        if other is not None and other.subject != fact.subject:
            told = f"goes with fact {name} of subject {other.subject}; {fact.metadata.name} has {fact.subject}"
            self._tell(key, told)
            return None
        return other

    def _defined(self, key: str, name: str, kind: str) -> bool:
        names = self.known.names.get(kind, frozenset())
        if name not in names:
            self._tell(key, f"is {quoted(name)}, but there is no {kind} of that name{hint(name, names)}")
        return name in names

    def _tell(self, key: str, message: str) -> None:
        self.site.problem(("spec", "cells", self.cell.entry, "value", key), message)
