"""Moves stages from one rule set to another: metrics first, then one transaction, then all readers at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection
from trueline_rules.errors import Problem
from trueline_rules.model import RuleSet
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.rules import store
from trueline_server.rules.book import RuleBook, Sets
from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, LoadFailure, RuleChange, Stage
from trueline_server.rules.store import Layers, StageRow, Taken

_log = logging.getLogger(__name__)

Key = tuple[str, str]
# Writes something besides changes of the state, within their transaction.
Also = Callable[[Connection, Sequence[RuleChange]], None]
# Tenant -> the rule sets that it is judged by; whoever is not named is judged by those of EVERYBODY.
Needs = Mapping[str, Sequence[RuleSet]]


class Metrics(Protocol):
    """Has metrics computed. Called by one thread at a time."""

    def prepare(self, needs: Needs) -> None:
        """Have what is needed computed from now on, besides what is, and all that came before. Blocks."""
        ...

    def taken(self, needs: Needs) -> Mapping[str, Taken]:
        """What is needed, and since when it is computed; all of it was prepared."""
        ...

    def settle(self, needs: Needs) -> None:
        """Leave out what is not needed any more."""
        ...


@dataclass(frozen=True, slots=True)
class Move:
    """What a stage of a tenant becomes.

    Attributes:
        tenant, stage: whose, and which.
        rules, layers: what it becomes; None if the stage ends.
        kind: of the change that is told; "" = nothing is, because the rules say the same as before.
        pinned, author, note: see Stage.

    """

    tenant: str
    stage: str
    rules: RuleSet | None
    layers: Layers | None
    kind: str = ""
    pinned: bool = False
    author: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """All that changes at once.

    Attributes:
        moves: of stages.
        failures: (tenant, stage) -> why it cannot follow its files, None = it can again.
        told: failures that are news: (tenant, what is wrong).
        also: writes what else is to hold with the changes, in the same transaction.

    """

    moves: Sequence[Move] = ()
    failures: Mapping[Key, LoadFailure | None] = field(default_factory=dict)
    told: Sequence[tuple[str, tuple[Problem, ...]]] = ()
    also: Also | None = None


class Stages:
    """Makes steps. The caller sees to it that there is one at a time."""

    def __init__(self, state: StateDatabase, book: RuleBook, metrics: Metrics, clock: Clock) -> None:
        self._state = state
        self._book = book
        self._metrics = metrics
        self._clock = clock
        # The files behind each stage, for when those below them change.
        self.layers: dict[Key, Layers] = {}

    def make(self, step: Step) -> None:
        """Let a step hold: for all who read rules from one moment on, and after a crash either whole or not at all.

        Raises:
            TruelineError: NOT_SERVING, if the dataflow stands still; nothing was changed.
            StoreError: the warehouse or the state database failed; nothing was changed.

        """
        former = self._book.sets()
        now_us = self._clock()
        sets = _moved(former, step, now_us)
        needs, former_needs = needs_of(sets), needs_of(former)
        try:
            # What is in force until then goes on: who reads meanwhile must not see it stand still.
            self._metrics.prepare(
                {
                    tenant: [*rules, *former_needs.get(tenant, former_needs[EVERYBODY])]
                    for tenant, rules in needs.items()
                }
            )
            with self._state.writing() as connection:
                for move in step.moves:
                    self._keep(connection, move, sets, now_us)
                store.keep_metrics(connection, self._metrics.taken(needs))
                changes = [store.add_change(connection, change) for change in _told(former, step, now_us)]
                if step.also is not None:
                    step.also(connection, changes)
        except BaseException:
            self._metrics.settle(former_needs)
            raise
        for move in step.moves:
            if move.layers is None:
                self.layers.pop((move.tenant, move.stage), None)
            else:
                self.layers[move.tenant, move.stage] = move.layers
        self._book.replace(sets, changes)
        self._metrics.settle(needs)

    def _keep(self, connection: Connection, move: Move, sets: Sets, now_us: int) -> None:
        key = (move.tenant, move.stage)
        stage = sets.stages.get(key)
        revision, overlay = "", ""
        if move.rules is not None and move.layers is not None:
            revision, overlay = move.rules.revision, move.layers.overlay.digest
            store.keep_revision(connection, move.tenant, revision, move.layers, now_us)
        row = StageRow(
            *key,
            revision=revision,
            overlay=overlay,
            pinned=stage is not None and stage.pinned,
            version=sets.versions[key],
            since_us=now_us if stage is None else stage.since_us,
            author=move.author if stage is None else stage.author,
            note=move.note if stage is None else stage.note,
        )
        store.keep_stage(connection, row)


def needs_of(sets: Sets) -> dict[str, list[RuleSet]]:
    """By which rule sets each tenant is judged that has, or had, some of its own; nobody by any at first."""
    if (EVERYBODY, ACTIVE) not in sets.stages:
        return {EVERYBODY: []}
    everybody = sets.stages[EVERYBODY, ACTIVE].rules
    needs: dict[str, list[RuleSet]] = {}
    for tenant in {tenant for tenant, _ in sets.versions} | {EVERYBODY}:
        active, shadow = sets.stages.get((tenant, ACTIVE)), sets.stages.get((tenant, SHADOW))
        needs[tenant] = [everybody if active is None else active.rules, *([] if shadow is None else [shadow.rules])]
    return needs


def _moved(former: Sets, step: Step, now_us: int) -> Sets:
    stages, versions = dict(former.stages), dict(former.versions)
    for move in step.moves:
        key = (move.tenant, move.stage)
        old = stages.pop(key, None)
        told = bool(move.kind) and _is_news(move, old)
        versions[key] = versions.get(key, 0) + (1 if told else 0)
        if move.rules is None or move.layers is None:
            continue
        kept = None if told else old
        stages[key] = Stage(
            rules=move.rules,
            version=versions[key],
            since_us=now_us if kept is None else kept.since_us,
            author=move.author if kept is None else kept.author,
            note=move.note if kept is None else kept.note,
            pinned=move.pinned,
            own=move.stage == SHADOW or not move.tenant or move.pinned or bool(move.layers.overlay.texts),
        )
    failures = dict(former.failures)
    for key, failure in step.failures.items():
        failures.pop(key, None)
        if failure is not None:
            failures[key] = failure
    return Sets(stages, versions, failures)


def _is_news(move: Move, old: Stage | None) -> bool:
    """Whether a move changes its stage; files that are mended may say what is in force already."""
    if move.kind != "load_mended" or old is None or move.rules is None:
        return True
    return old.rules.revision != move.rules.revision


def _told(former: Sets, step: Step, now_us: int) -> list[RuleChange]:
    """What watchers are told, without numbers."""
    changes = []
    for move in step.moves:
        if move.kind:
            revision = "" if move.rules is None else move.rules.revision
            before = _former(former, move.tenant, move.stage)
            changes.append(RuleChange(0, move.tenant, now_us, move.kind, revision, before, move.author, move.note, ()))
    for tenant, problems in step.told:
        revision = _former(former, tenant, ACTIVE)
        changes.append(RuleChange(0, tenant, now_us, "load_failed", revision, revision, "operator", "", problems))
    return changes


def _former(sets: Sets, tenant: str, stage: str) -> str:
    """The revision that a tenant is judged by; that of everybody if it has no rules of its own."""
    found = sets.stages.get((tenant, stage))
    if found is None and stage == ACTIVE:
        found = sets.stages.get((EVERYBODY, ACTIVE))
    return "" if found is None else found.rules.revision
