"""Studies as operations: computed part by part with progress, then kept, once however often one is begun again."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict

from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.kpis.instants import FINISHED_US, Clocks, TenantClock
from trueline_server.operations.model import Operation, Work
from trueline_server.operations.runner import Operations
from trueline_server.rules.in_force import RulesOf
from trueline_server.studies.computing import StudyComputer
from trueline_server.studies.model import Asked, Completeness, StudyRun
from trueline_server.studies.periods import day_of
from trueline_server.studies.questions import definition_of, narrowed, study_of
from trueline_server.studies.store import find_requested, id_of, insert_run, next_number

KIND = "RunStudy"

# What an operation answers, serialised; whoever knows the wire says how.
ResultOf = Callable[[StudyRun], bytes]


class StudyOperation:
    """Begins studies and does them. Methods block; thread-safe."""

    def __init__(
        self,
        state: StateDatabase,
        rules: RulesOf,
        computer: StudyComputer,
        clocks: Clocks,
        operations: Operations,
        *,
        clock: Clock,
        lateness_us: int,
        result_of: ResultOf,
    ) -> None:
        """`lateness_us` is how much later than its time an event may come and still count as expected."""
        self._state = state
        self._rules = rules
        self._computer = computer
        self._clocks = clocks
        self._operations = operations
        self._clock = clock
        self._lateness_us = lateness_us
        self._result_of = result_of
        operations.register(KIND, self.run, resumable=True)

    def begin(self, tenant: str, asked: Asked) -> Operation:
        """Begin a run of what was checked.

        Raises:
            TruelineError: TOO_MANY_OPERATIONS; INVALID_FIELD, if the request id stands for another request.

        """
        given = json.dumps(asdict(asked))
        written = json.dumps({"run": secrets.token_hex(16), "asked": asdict(asked)}).encode()
        digest = hashlib.blake2b(given.encode(), digest_size=16).hexdigest()
        return self._operations.start(tenant, KIND, written, request_id=asked.request_id, asked=digest)

    def run(self, work: Work) -> bytes:
        """Do one; see Runner."""
        request = json.loads(work.request)
        key, asked = str(request["run"]), _asked(request["asked"])
        with self._state.reading() as connection:
            done = find_requested(connection, work.tenant, key)
        if done is None:
            done = self._keep(key, self._compute(work, asked))
        return self._result_of(done)

    def _compute(self, work: Work, asked: Asked) -> StudyRun:
        # One rule set for the whole run, whatever is activated meanwhile.
        started_us, rules = self._clock(), self._rules(work.tenant)
        whole = study_of(rules, asked.study)
        study = narrowed(whole, asked.breakdowns)
        # Before the events are read: what comes in between makes nothing more complete.
        clock = self._clocks.read(started_us).get(work.tenant)

        def step(done: int, total: int, what: str) -> None:
            work.go_on()
            work.progress(done, total, what)

        found = self._computer.compute(work.tenant, rules, study, asked.period, step)
        complete = clock is not None and clock.watermark_us >= asked.end_us + self._lateness_us
        if clock is not None and clock.judged_at_us < asked.end_us:
            found.notes.append(f"events end on {day_of(clock.judged_at_us)}, before the period does")
        return StudyRun(
            tenant=work.tenant,
            id="",
            number=0,
            study=asked.study,
            type=str(study.type),
            definition=definition_of(rules, whole),
            revision=rules.revision,
            currency=study.currency,
            confidence=study.confidence,
            least=study.least,
            start_us=asked.start_us,
            end_us=asked.end_us,
            previous_start_us=found.previous.start_us,
            previous_end_us=found.previous.end_us,
            position=found.position,
            watermark_us=None if clock is None else _shown_watermark(clock),
            completeness=Completeness.COMPLETE if complete else Completeness.PROVISIONAL,
            started_us=started_us,
            finished_us=self._clock(),
            groups=found.groups,
            campaigns=found.campaigns,
            notes=tuple(found.notes),
        )

    def _keep(self, key: str, run: StudyRun) -> StudyRun:
        with self._state.writing() as connection:
            # Another process may have taken the same operation up.
            known = find_requested(connection, run.tenant, key)
            if known is not None:
                return known
            number = next_number(connection, run.tenant)
            values = {name: getattr(run, name) for name in StudyRun.__dataclass_fields__}
            kept = StudyRun(**values | {"number": number, "id": id_of(number)})
            insert_run(connection, kept, key)
            return kept


def _shown_watermark(clock: TenantClock) -> int:
    """The watermark for people: of finished sources, the end of their data."""
    return clock.judged_at_us if clock.watermark_us >= FINISHED_US else clock.watermark_us


def _asked(stored: dict[str, object]) -> Asked:
    return Asked(**{**stored, "breakdowns": tuple(stored["breakdowns"])})  # type: ignore[arg-type]
