"""The operator's rules: restored at a start, reloaded when their files change, with every tenant's own on top."""

from __future__ import annotations

import logging

from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.layers import Layer, pack_layer, tenant_layer
from trueline_rules.loader import load_layers
from trueline_rules.model import RuleSet
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.rules import store
from trueline_server.rules.book import RuleBook, Sets
from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, LoadFailure, Stage
from trueline_server.rules.loading import Loader, Problems
from trueline_server.rules.moves import Key, Move, Stages, Step
from trueline_server.rules.store import Layers, StageRow

_log = logging.getLogger(__name__)

AUTHOR = "operator"
_BASE = (EVERYBODY, ACTIVE)


class OperatorRules:
    """Lets files of the operator hold for everybody. The caller sees to it that one call runs at a time."""

    def __init__(
        self, state: StateDatabase, book: RuleBook, stages: Stages, loader: Loader, clock: Clock, *, mapping: str
    ) -> None:
        self._state = state
        self._book = book
        self._stages = stages
        self._loader = loader
        self._clock = clock
        self._mapping = mapping

    def open(self, found: Layer | Problems) -> None:
        """What a start does: what was in force last holds, then what the files say now, if they load.

        Raises:
            RuleFileError: they do not, and nothing was in force.
            TruelineError, StoreError: as Stages.make.

        """
        self._restore()
        if not self.reload(found, always=True):
            raise AssertionError("a start always makes a step")

    def reload(self, found: Layer | Problems, *, always: bool = False) -> bool:
        """Let the files hold, or tell why not; whether anything was done. `always` does, even if nothing is new."""
        if not isinstance(found, Layer):
            return self._failed(found, always=always)
        layers = Layers(pack_layer(), found, tenant_layer(()), self._mapping)
        former = self._stages.layers.get(_BASE)
        known = self._book.sets()
        if layers == former and not known.failures and not always:
            return False
        rules = self._loader.load(layers)
        if not isinstance(rules, RuleSet):
            return self._failed(rules, always=always)
        steps = Step([Move(*_BASE, rules, layers, _kind(known, _BASE, rules, "loaded"), author=AUTHOR)], {_BASE: None})
        unpinned = former is not None and former.base != found and _revision(known, _BASE) != rules.revision
        for key in [key for key in self._stages.layers if key != _BASE]:
            steps = self._followed(key, steps, layers, rules, unpinned=unpinned)
        self._stages.make(steps)
        if not always:
            _log.info("the rule files changed: revision %s is in force", rules.revision)
        return True

    def _followed(self, key: Key, step: Step, base: Layers, rules: RuleSet, *, unpinned: bool) -> Step:
        """A step with that of a stage that lies on top of the operator's files."""
        known = self._book.sets()
        stage, own = known.stages.get(key), self._stages.layers[key]
        if stage is not None and stage.pinned and not unpinned:
            return step
        layers = Layers(base.pack, base.base, own.overlay, self._mapping)
        loaded = rules if not own.overlay.texts else self._loader.load(layers)
        if isinstance(loaded, RuleSet):
            told = "loaded" if key[1] == ACTIVE else "shadowed"
            kind = _kind(known, key, loaded, told) if own.overlay.texts or key[1] == SHADOW or _pinned(stage) else ""
            author = (AUTHOR, "") if kind or stage is None else (stage.author, stage.note)
            move = Move(*key, loaded, layers, kind, author=author[0], note=author[1])
            return Step([*step.moves, move], {**step.failures, key: None}, step.told)
        failure = known.failures.get(key)
        if failure is not None and failure.problems == loaded:
            return step
        _log.error("rules of tenant %s do not load on the operator's; its last ones stay: %s", key[0], loaded[0])
        since_us = self._clock() if failure is None else failure.since_us
        failures = {**step.failures, key: LoadFailure(since_us, loaded)}
        return Step(step.moves, failures, [*step.told, (key[0], loaded)])

    def _failed(self, problems: tuple[Problem, ...], *, always: bool) -> bool:
        known = self._book.sets()
        if _BASE not in known.stages:
            raise RuleFileError(problems)
        failure = known.failures.get(_BASE)
        if failure is not None and failure.problems == problems:
            step = Step()
        else:
            since_us = self._clock() if failure is None else failure.since_us
            step = Step((), {_BASE: LoadFailure(since_us, problems)}, [(EVERYBODY, problems)])
        if not always and not step.failures:
            return False
        told = "the rule files do not load; the last good rules (revision %s) stay in force:\n%s"
        _log.error(told, known.stages[_BASE].rules.revision, "\n".join(map(str, problems)))
        self._stages.make(step)
        return True

    def _restore(self) -> None:
        """Let hold again what held when the state was last written, as far as this version can read it."""
        stages: dict[Key, Stage] = {}
        failures: dict[Key, LoadFailure] = {}
        with self._state.reading() as connection:
            rows = store.read_stages(connection)
            for key, row in rows.items():
                found = store.find_revision(connection, row.tenant, row.revision) if row.revision else None
                if found is not None:
                    of_then = store.read_layers(connection, found)
                    overlay = store.read_overlay(connection, row.overlay)
                    self._stages.layers[key] = Layers(of_then.pack, of_then.base, overlay, of_then.mapping)
                last = store.read_last_load(connection, row.tenant) if key[1] == ACTIVE else None
                if last is not None and last.kind == "load_failed":
                    failures[key] = LoadFailure(last.at_us, last.problems)
        for key, layers in self._stages.layers.items():
            try:
                rules = load_layers((layers.pack, layers.base, layers.overlay), mapping=layers.mapping)
            except RuleFileError as error:
                told = "revision %s of tenant '%s', which was in force, does not load any more: %s"
                _log.error(told, rows[key].revision, key[0], error.problems[0])
                continue
            stages[key] = _restored(rows[key], rules, layers)
        versions = {key: row.version for key, row in rows.items()}
        self._book.replace(Sets(stages, versions, failures), ())


def _restored(row: StageRow, rules: RuleSet, layers: Layers) -> Stage:
    own = row.stage == SHADOW or not row.tenant or row.pinned or bool(layers.overlay.texts)
    return Stage(rules, row.version, row.since_us, row.author, row.note, row.pinned, own)


def _kind(known: Sets, key: Key, rules: RuleSet, told: str) -> str:
    """Of the change that rules make; "" if they say what is in force already."""
    if key in known.failures:
        return "load_mended"
    return told if _revision(known, key) != rules.revision else ""


def _revision(known: Sets, key: Key) -> str:
    found = known.stages.get(key)
    return "" if found is None else found.rules.revision


def _pinned(stage: Stage | None) -> bool:
    return stage is not None and stage.pinned
