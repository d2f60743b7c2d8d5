"""From layers of rule files to a rule set that may come into force, or what keeps it from doing so."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque

from trueline_rules.analysis.pushdown import not_in_sql
from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.loader import load_layers
from trueline_rules.model import RuleSet

from trueline_server.rules.drafts import RefusedStatements
from trueline_server.rules.store import Layers

_log = logging.getLogger(__name__)

Problems = tuple[Problem, ...]

# Of one rule set so many conditions without SQL are logged, and of so many revisions it is known that they were.
_MOST_TOLD = 20
_REMEMBERED = 1_000


class Loader:
    """Loads rules as a start of the server does: all documents, their references, and the statements of KPIs."""

    def __init__(self, refused: RefusedStatements) -> None:
        """`refused` answers the KPIs whose statements are not allowed, with place and reason; it blocks."""
        self._refused = refused
        self._told: deque[str] = deque(maxlen=_REMEMBERED)

    def load(self, layers: Layers) -> RuleSet | Problems:
        """The rule set, or all that is wrong.

        Raises:
            StoreError: the warehouse cannot say whether statements are allowed.

        """
        try:
            rules = load_layers((layers.pack, layers.base, layers.overlay), mapping=layers.mapping)
        except RuleFileError as error:
            return error.problems
        problems = tuple(self._refused(rules).values())
        if not problems:
            self._tell(rules)
        return problems or rules

    def _tell(self, rules: RuleSet) -> None:
        """Log once for each revision which conditions are judged one subject at a time."""
        if rules.revision in self._told:
            return
        self._told.append(rules.revision)
        found = not_in_sql(rules)
        for finding in found[:_MOST_TOLD]:
            _log.warning("%s", finding)
        if len(found) > _MOST_TOLD:
            _log.warning(
                "and %d further conditions without SQL; trueline rules check tells them", len(found) - _MOST_TOLD
            )

    def load_revision(self, layers: Layers, revision: str) -> RuleSet | Problems:
        """As `load`, for a stored revision, which keeps its name even if another version would name it otherwise."""
        rules = self.load(layers)
        if isinstance(rules, RuleSet) and rules.revision != revision:
            return dataclasses.replace(rules, revision=revision)
        return rules
