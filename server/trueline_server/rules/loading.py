"""From layers of rule files to a rule set that may come into force, or what keeps it from doing so."""

from __future__ import annotations

import dataclasses

from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.loader import load_layers
from trueline_rules.model import RuleSet

from trueline_server.rules.drafts import RefusedStatements
from trueline_server.rules.store import Layers

Problems = tuple[Problem, ...]


class Loader:
    """Loads rules as a start of the server does: all documents, their references, and the statements of KPIs."""

    def __init__(self, refused: RefusedStatements) -> None:
        """`refused` answers the KPIs whose statements are not allowed, with the reason; it blocks."""
        self._refused = refused

    def load(self, layers: Layers) -> RuleSet | Problems:
        """The rule set, or all that is wrong.

        Raises:
            StoreError: the warehouse cannot say whether statements are allowed.

        """
        try:
            rules = load_layers((layers.pack, layers.base, layers.overlay), mapping=layers.mapping)
        except RuleFileError as error:
            return error.problems
        return refusals(rules, self._refused) or rules

    def load_revision(self, layers: Layers, revision: str) -> RuleSet | Problems:
        """As `load`, for a stored revision, which keeps its name even if another version would name it otherwise."""
        rules = self.load(layers)
        if isinstance(rules, RuleSet) and rules.revision != revision:
            return dataclasses.replace(rules, revision=revision)
        return rules


def refusals(rules: RuleSet, refused: RefusedStatements) -> Problems:
    """The statements that are not allowed, each at the place of its KPI."""
    return tuple(Problem(rules.kpis[kpi].metadata.place, f"KPI {kpi}: {why}") for kpi, why in refused(rules).items())
