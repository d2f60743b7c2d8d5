"""Brings rules into force: a tenant's own over the API, the operator's from files. Each change is whole or none."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from trueline_rules.layers import Layer, tenant_layer
from trueline_rules.model import RuleSet
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.rules import store
from trueline_server.rules.book import RuleBook
from trueline_server.rules.drafts import RefusedStatements, refuse_unfit
from trueline_server.rules.history import revision_before
from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, Activated
from trueline_server.rules.loading import Loader
from trueline_server.rules.moves import Also, Metrics, Move, Stages, Step
from trueline_server.rules.operator_files import OperatorFiles, read_or_problems
from trueline_server.rules.operator_rules import OperatorRules
from trueline_server.rules.store import Layers

Files = Sequence[tuple[str, str]]


class Activation:
    """Changes what is in force. Methods block and wait for each other; whoever reads rules is never held up.

    All raise StoreError if the warehouse or the state database fails, and TruelineError NOT_SERVING while the dataflow
    stands still; then nothing was changed.
    """

    def __init__(
        self,
        state: StateDatabase,
        book: RuleBook,
        metrics: Metrics,
        refused: RefusedStatements,
        *,
        files: OperatorFiles,
        clock: Clock,
        mapping: str = "",
    ) -> None:
        """Nothing is in force before `open`.

        Args:
            state: where it is kept.
            book: what it changes.
            metrics: has metrics computed before rules rely on them.
            refused: answers the KPIs whose statements are not allowed, with the reason; it blocks.
            files: of the operator.
            clock: tells since when.
            mapping: name of the event mapping in force; "" = the one loaded last, of a tenant's own if it has one.

        """
        self._book = book
        self._stages = Stages(state, book, metrics, clock)
        self._loader = Loader(refused)
        self._files = files
        self._operator = OperatorRules(state, book, self._stages, self._loader, clock, mapping=mapping)
        self._mapping = mapping
        self._lock = threading.Lock()

    def activate(
        self,
        tenant: str,
        files: Files | None = None,
        revision: str | None = None,
        *,
        stage: str = ACTIVE,
        etag: str = "",
        author: str = "",
        note: str = "",
        validate_only: bool = False,
        also: Also | None = None,
    ) -> Activated:
        """Bring rules into force, or into the shadow of those in force.

        Rules that do not load change nothing; their problems are answered. If the shadow becomes active, it ends.

        Args:
            tenant: whose; a document of theirs overrides the one of the operator's with its kind and name.
            files: (name, text) of the tenant's rule files; () = what everybody has.
            revision: instead of files, a stored revision, e.g. the one in the shadow.
            stage: "active" or "shadow".
            etag: of the stage as last seen; "" = whatever it is.
            author: who wants it.
            note: why.
            validate_only: load, and answer what would be, and change nothing.
            also: see Step.

        Raises:
            TruelineError: INVALID_FIELD (both or unfit files), ETAG_MISMATCH, UNKNOWN_REVISION, NOT_SERVING.

        """
        if files and revision:
            raise invalid_field("revision", "cannot be given together with files")
        refuse_unfit(files or ())
        with self._lock:
            self._check_etag(tenant, stage, etag)
            if revision:
                layers = self._book.layers_at(tenant, revision)
                rules = self._loader.load_revision(layers, revision)
            else:
                layers = Layers(*self._base(), tenant_layer(files or ()), self._mapping)
                rules = self._loader.load(layers)
            if not isinstance(rules, RuleSet):
                return Activated(None, "", rules)
            if not validate_only:
                kind = "activated" if stage == ACTIVE else "shadowed"
                pinned = (layers.pack, layers.base) != self._base()
                move = Move(tenant, stage, rules, layers, kind, pinned, author, note)
                moves = [move, *self._shadow_taken_over(move)]
                self._stages.make(Step(moves, {(tenant, stage): None}, also=also))
            return Activated(None if validate_only else self._book.stage(tenant, stage), rules.revision)

    def rollback(
        self,
        tenant: str,
        *,
        revision: str = "",
        etag: str = "",
        author: str = "",
        note: str = "",
        also: Also | None = None,
    ) -> Activated:
        """Bring a stored revision back into force ("" = the one before), and stay on it.

        The tenant keeps the default pack and the operator's files of then until files are activated again or the
        operator's files change; from then on its own files of that revision lie on top of the new ones.

        Raises:
            TruelineError: ETAG_MISMATCH, UNKNOWN_REVISION, NOT_SERVING.

        """
        with self._lock:
            self._check_etag(tenant, ACTIVE, etag)
            target = revision or self._before(tenant)
            layers = self._book.layers_at(tenant, target)
            rules = self._loader.load_revision(layers, target)
            if not isinstance(rules, RuleSet):
                return Activated(None, "", rules)
            move = Move(tenant, ACTIVE, rules, layers, "rolled_back", pinned=True, author=author, note=note)
            self._stages.make(Step([move], {(tenant, ACTIVE): None}, also=also))
            return Activated(self._book.stage(tenant, ACTIVE), rules.revision)

    def end_shadow(self, tenant: str, etag: str = "", *, author: str = "", note: str = "") -> Activated:
        """End what runs in the shadow; nothing happens if there is nothing.

        Raises:
            TruelineError: ETAG_MISMATCH, NOT_SERVING.

        """
        with self._lock:
            self._check_etag(tenant, SHADOW, etag)
            found = self._book.stage(tenant, SHADOW)
            if found is not None:
                move = Move(tenant, SHADOW, None, None, "shadow_ended", author=author, note=note)
                self._stages.make(Step([move], {(tenant, SHADOW): None}))
            return Activated(None, "" if found is None else found.rules.revision)

    def open(self) -> None:
        """Bring into force what the operator's files say now, or what was in force last if they do not load.

        Raises:
            RuleFileError: they do not load, and nothing was ever in force.

        """
        with self._lock:
            self._operator.open(read_or_problems(self._files))

    def scan(self) -> bool:
        """Reload the operator's files if they changed; whether anything came of it.

        Files that do not load leave everything as it is, which is told once for each content.
        """
        with self._lock:
            if not self._files.changed():
                return False
            try:
                return self._operator.reload(read_or_problems(self._files))
            except Exception:
                # The next look finds them changed again, and tries again.
                self._files.forget()
                raise

    def _base(self) -> tuple[Layer, Layer]:
        """The default pack and the operator's files in force."""
        layers = self._stages.layers[EVERYBODY, ACTIVE]
        return layers.pack, layers.base

    def _before(self, tenant: str) -> str:
        current = self._book.of(tenant).revision
        before = revision_before(self._book.changes(tenant, most=store.MOST_CHANGES * 2), tenant, current)
        if before is None:
            told = f"nothing was in force before revision {current}; to go elsewhere, name the revision"
            raise TruelineError("NOT_FOUND", "UNKNOWN_REVISION", told, metadata={"revision": ""})
        return before

    def _shadow_taken_over(self, move: Move) -> list[Move]:
        """The end of a shadow that becomes active."""
        shadow = self._book.shadow_of(move.tenant)
        if move.stage != ACTIVE or shadow is None or move.rules is None or shadow.revision != move.rules.revision:
            return []
        return [Move(move.tenant, SHADOW, None, None, "shadow_ended", author=move.author, note=move.note)]

    def _check_etag(self, tenant: str, stage: str, etag: str) -> None:
        current = self._book.etag(tenant, stage)
        if etag and etag != current:
            told = f"etag is '{etag}', but the {stage} rules have changed and have '{current}' now; look at them again"
            raise TruelineError("ABORTED", "ETAG_MISMATCH", told, metadata={"etag": current})
