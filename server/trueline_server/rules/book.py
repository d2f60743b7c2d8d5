"""The rules in force for each tenant, in the shadow of them, and before them: a lookup for all who work by rules."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_layers
from trueline_rules.model import RuleSet
from trueline_stores.state.database import StateDatabase

from trueline_server.errors import TruelineError
from trueline_server.rules import store
from trueline_server.rules.in_force import (
    ACTIVE,
    EVERYBODY,
    SHADOW,
    LoadFailure,
    RevisionInfo,
    RuleChange,
    RulesOf,
    Stage,
)

_log = logging.getLogger(__name__)

__all__ = ["LoadFailure", "RevisionInfo", "RuleBook", "RuleChange", "RulesOf", "Stage"]

# Stored revisions that are kept loaded: decisions of the past are explained by a few.
_LOADED = 16

Listener = Callable[[RuleChange], None]


@dataclass(frozen=True, slots=True)
class Sets:
    """All that is in force at one moment, replaced whole.

    Attributes:
        stages: (tenant, stage) -> what is there.
        versions: (tenant, stage) -> how often it changed, also of stages that have ended.
        failures: (tenant, stage) -> why it could not follow its files.

    """

    stages: Mapping[tuple[str, str], Stage]
    versions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failures: Mapping[tuple[str, str], LoadFailure] = field(default_factory=dict)


class RuleBook:
    """Which rules hold. Thread-safe; only Activation changes it.

    `of`, `shadow_of`, `stage`, `etag`, `rule_sets` and `failure` are lookups in memory and never block; the others read
    the state database.
    """

    def __init__(self, state: StateDatabase, sets: Sets) -> None:
        """`sets` has the active stage of EVERYBODY."""
        self._state = state
        self._sets = sets
        self._lock = threading.Lock()
        self._listeners: dict[int, Listener] = {}
        self._numbers = 0
        self._loaded: OrderedDict[tuple[str, str], RuleSet] = OrderedDict()

    def of(self, tenant: str) -> RuleSet:
        """The rules in force for a tenant."""
        stages = self._sets.stages
        return (stages.get((tenant, ACTIVE)) or stages[EVERYBODY, ACTIVE]).rules

    def shadow_of(self, tenant: str) -> RuleSet | None:
        """The rules that run in the shadow of those in force."""
        found = self._sets.stages.get((tenant, SHADOW))
        return None if found is None else found.rules

    def stage(self, tenant: str, stage: str) -> Stage | None:
        """A stage ("active" or "shadow") of a tenant; None if it has no rules of its own there, and never had."""
        return self._sets.stages.get((tenant, stage))

    def etag(self, tenant: str, stage: str = ACTIVE) -> str:
        """What changes whenever a stage does; "0" before anything was activated for the tenant."""
        return str(self._sets.versions.get((tenant, stage), 0))

    def rule_sets(self) -> Mapping[str, RuleSet]:
        """The rules in force of every tenant that has some of its own, and of EVERYBODY."""
        stages = self._sets.stages.items()
        return {tenant: each.rules for (tenant, stage), each in stages if stage == ACTIVE and each.own}

    def shadows(self) -> Mapping[str, RuleSet]:
        """The rules in the shadow, by tenant."""
        return {tenant: each.rules for (tenant, stage), each in self._sets.stages.items() if stage == SHADOW}

    def failure(self, tenant: str) -> LoadFailure | None:
        """Why the rules of a tenant, or of EVERYBODY, could not follow their files; None if they could."""
        failures = self._sets.failures
        return failures.get((tenant, ACTIVE)) or failures.get((tenant, SHADOW))

    def failures(self) -> Mapping[str, LoadFailure]:
        """All failures that are not mended, by tenant."""
        return {tenant: failure for (tenant, _), failure in self._sets.failures.items()}

    def rules_at(self, tenant: str, revision: str) -> RuleSet:
        """A stored revision, loaded again.

        Raises:
            TruelineError: UNKNOWN_REVISION; RULES_DO_NOT_LOAD, if this version of Trueline cannot read it any more.

        """
        for stage in (ACTIVE, SHADOW):
            found = self._sets.stages.get((tenant, stage))
            if found is not None and found.rules.revision == revision:
                return found.rules
        key = (tenant, revision)
        with self._lock:
            known = self._loaded.pop(key, None)
            if known is not None:
                self._loaded[key] = known
                return known
        rules = load_stored(self.layers_at(tenant, revision), revision)
        with self._lock:
            self._loaded[key] = rules
            while len(self._loaded) > _LOADED:
                self._loaded.popitem(last=False)
        return rules

    def layers_at(self, tenant: str, revision: str) -> store.Layers:
        """The files behind a stored revision.

        Raises:
            TruelineError: UNKNOWN_REVISION.

        """
        with self._state.reading() as connection:
            row = store.find_revision(connection, tenant, revision)
            if row is None:
                raise unknown_revision(revision)
            return store.read_layers(connection, row)

    def revisions(self, tenant: str, after: str = "", most: int = 100) -> list[RevisionInfo]:
        """Stored revisions that a tenant may name, the newest first: those behind the revision `after` ("" = all)."""
        with self._state.reading() as connection:
            rows = store.list_revisions(connection, tenant)
            names = [row.revision for row in rows]
            start = names.index(after) + 1 if after in names else 0
            shown = rows[start : start + most]
            first = store.read_first_changes(connection, _seen_by(tenant), [row.revision for row in shown])
        return [self._info(tenant, row, first) for row in shown]

    def revision(self, tenant: str, revision: str) -> RevisionInfo:
        """A stored revision.

        Raises:
            TruelineError: UNKNOWN_REVISION.

        """
        with self._state.reading() as connection:
            row = store.find_revision(connection, tenant, revision)
            first = store.read_first_changes(connection, _seen_by(tenant), [revision])
        if row is None:
            raise unknown_revision(revision)
        return self._info(tenant, row, first)

    def _info(self, tenant: str, row: store.RevisionRow, first: Mapping[str, tuple[str, str]]) -> RevisionInfo:
        stages = {ACTIVE: self.of(tenant), SHADOW: self.shadow_of(tenant)}
        held = tuple(name for name, rules in stages.items() if rules is not None and rules.revision == row.revision)
        return RevisionInfo(row.revision, row.created_at_us, held, *first.get(row.revision, ("", "")))

    def changes(self, tenant: str, after: int = 0, most: int = 100) -> list[RuleChange]:
        """What happened to the rules of a tenant and to the operator's files, behind a number, the oldest first."""
        with self._state.reading() as connection:
            return store.read_changes(connection, _seen_by(tenant), after=after, most=most)

    def last_change(self, tenant: str) -> int:
        """Number of the last change that `changes` tells; 0 if there is none."""
        with self._state.reading() as connection:
            return store.read_bounds(connection, _seen_by(tenant))[1]

    def earliest_change(self, tenant: str) -> int:
        """Number of the earliest change that is still kept; 0 if there is none."""
        with self._state.reading() as connection:
            return store.read_bounds(connection, _seen_by(tenant))[0]

    def newest_change(self) -> int:
        """Number of the last change of any tenant; 0 if there is none."""
        with self._state.reading() as connection:
            return store.read_bounds(connection, None)[1]

    def earliest_resumable(self, tenant: str) -> int:
        """Number of a change behind which all changes of a tenant are kept; 0 = all that there ever were."""
        with self._state.reading() as connection:
            return store.read_forgotten(connection, _seen_by(tenant))

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a listener with each change, once it holds, on the activating thread; it must return at once.

        The returned function removes it.
        """
        with self._lock:
            key, self._numbers = self._numbers, self._numbers + 1
            self._listeners[key] = listener

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return unsubscribe

    def sets(self) -> Sets:
        """All that holds now. Does not block."""
        return self._sets

    def replace(self, sets: Sets, changes: Iterable[RuleChange]) -> None:
        """Let something else hold from now on, and tell the listeners. Called by Activation alone."""
        self._sets = sets
        with self._lock:
            listeners = list(self._listeners.values())
        for change in changes:
            for listener in listeners:
                try:
                    listener(change)
                except Exception:  # noqa: BLE001 what holds, holds, whoever cannot take the news
                    _log.exception("a listener to changes of rules failed")


def load_stored(layers: store.Layers, revision: str) -> RuleSet:
    """Load the files behind a stored revision, which keeps its name even if another version would name it otherwise.

    Raises:
        TruelineError: RULES_DO_NOT_LOAD.

    """
    try:
        rules = load_layers((layers.pack, layers.base, layers.overlay), mapping=layers.mapping)
    except RuleFileError as error:
        told = f"revision {revision} does not load in this version of Trueline: {error.problems[0]}"
        raise TruelineError(
            "FAILED_PRECONDITION", "RULES_DO_NOT_LOAD", told, metadata={"revision": revision}
        ) from error
    return rules if rules.revision == revision else dataclasses.replace(rules, revision=revision)


def unknown_revision(revision: str) -> TruelineError:
    """The error for a revision that is not stored for a tenant."""
    told = f"no revision '{revision}' of your rules is stored; see ListRevisions (trueline rules revisions)"
    return TruelineError("NOT_FOUND", "UNKNOWN_REVISION", told, metadata={"revision": revision})


def _seen_by(tenant: str) -> tuple[str, ...]:
    return (tenant, EVERYBODY) if tenant else (EVERYBODY,)
