"""Checkpoints as operations: read cell by cell with progress, then kept with all that follows in one transaction."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from trueline_rules.checkpoint_model import CheckpointPolicy
from trueline_rules.checkpoints.judge import judge
from trueline_rules.checkpoints.results import CellResult, Outcome, verdict_of
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_stores.state.database import StateDatabase

from trueline_server.checkpoints.cases import CheckpointCases
from trueline_server.checkpoints.model import Asked, Checkpoint
from trueline_server.checkpoints.readings import CellReader, Period, ToRead
from trueline_server.checkpoints.store import find_run, id_of, insert_checkpoint, last_judged, next_number
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.operations.model import Operation, Work
from trueline_server.operations.runner import Operations
from trueline_server.rules.in_force import RulesOf

KIND = "RunCheckpoint"

# What an operation answers, serialised; whoever knows the wire says how.
ResultOf = Callable[[Checkpoint], bytes]


def id_as_result(checkpoint: Checkpoint) -> bytes:
    """The id alone."""
    return checkpoint.id.encode()


class CheckpointOperation:
    """Begins checkpoints and does them. Methods block; thread-safe.

    A run that is begun again after a crash judges the same instant; once it is kept, it is not done again.
    """

    def __init__(
        self,
        state: StateDatabase,
        rules: RulesOf,
        reader: CellReader,
        cases: CheckpointCases,
        operations: Operations,
        *,
        clock: Clock,
        result_of: ResultOf = id_as_result,
    ) -> None:
        self._state = state
        self._rules = rules
        self._reader = reader
        self._cases = cases
        self._operations = operations
        self._clock = clock
        self._result_of = result_of
        operations.register(KIND, self.run, resumable=True)

    def begin(self, tenant: str, asked: Asked, given: Asked) -> Operation:
        """Begin a run.

        Args:
            tenant: whose.
            asked: with all defaults filled in.
            given: as the caller gave it, which a second call with its request id must repeat.

        Raises:
            TruelineError: TOO_MANY_OPERATIONS; INVALID_FIELD, if the request id stands for another request.

        """
        written = json.dumps({"run": secrets.token_hex(16), "asked": asdict(asked)}).encode()
        digest = hashlib.blake2b(json.dumps(asdict(given)).encode(), digest_size=16).hexdigest()
        return self._operations.start(tenant, KIND, written, request_id=given.request_id, asked=digest)

    def run(self, work: Work) -> bytes:
        """Do one; see Runner."""
        request = json.loads(work.request)
        run, asked = str(request["run"]), Asked(**request["asked"])
        with self._state.reading() as connection:
            done = find_run(connection, work.tenant, run)
        if done is None:
            started_us = self._clock()
            # One rule set for the whole run, whatever is activated meanwhile.
            rules = self._rules(work.tenant)
            policy = policy_of(rules, asked.policy)
            results = self._judge(work, rules, policy, asked)
            done = self._keep(run, _Judged(work.tenant, asked, rules, policy, results, started_us))
        return self._result_of(done)

    def _judge(self, work: Work, rules: RuleSet, policy: CheckpointPolicy, asked: Asked) -> tuple[CellResult, ...]:
        assert asked.at_us is not None, "the instant is settled before the run begins"
        to_read = ToRead(work.tenant, rules, Period.before(asked.at_us, asked.days), work.stopped)
        results = []
        for number, cell in enumerate(policy.cells):
            work.go_on()
            work.progress(number, len(policy.cells), f"{cell.of} {cell.measure}".replace("_", " "))
            results.append(judge(cell, self._reader.read(to_read, cell)))
        work.progress(len(policy.cells), len(policy.cells))
        return tuple(results)

    def _keep(self, run: str, judged: _Judged) -> Checkpoint:
        """Keep a run and do what its misses ask for, all or nothing."""
        tenant, asked = judged.tenant, judged.asked
        assert asked.at_us is not None
        with self._state.writing() as connection:
            # Another process may have taken the same operation up.
            known = find_run(connection, tenant, run)
            if known is not None:
                return known
            number, now_us = next_number(connection, tenant), self._clock()
            # What was so earlier neither opens nor mends what is so now. An instant ahead of the clock was judged by a
            # clock that went wrong, and must not hold up the runs until it is reached.
            latest_us = last_judged(connection, tenant, asked.policy, max(now_us, asked.at_us))
            former = latest_us is not None and asked.at_us < latest_us
            checkpoint = judged.checkpoint(number, now_us, judge_only=asked.judge_only or former)
            if not checkpoint.judge_only:
                cells = self._cases.take(connection, checkpoint, judged.policy, now_us)
                checkpoint = replace(checkpoint, cells=cells)
            insert_checkpoint(connection, checkpoint, run)
            return checkpoint


@dataclass(frozen=True, slots=True)
class _Judged:
    """A run whose cells were judged: by which rules, since when."""

    tenant: str
    asked: Asked
    rules: RuleSet
    policy: CheckpointPolicy
    results: tuple[CellResult, ...]
    started_us: int

    def checkpoint(self, number: int, now_us: int, *, judge_only: bool) -> Checkpoint:
        """What it comes to."""
        assert self.asked.at_us is not None
        counts = Counter(result.outcome for result in self.results)
        return Checkpoint(
            tenant=self.tenant,
            id=id_of(number),
            number=number,
            policy=self.asked.policy,
            title=self.asked.title,
            question=self.policy.question,
            revision=self.rules.revision,
            verdict=verdict_of(result.outcome for result in self.results),
            at_us=self.asked.at_us,
            days=self.asked.days,
            started_us=self.started_us,
            finished_us=now_us,
            judge_only=judge_only,
            cells=self.results,
            counts={outcome: counts[outcome] for outcome in Outcome},
        )


def policy_of(rules: RuleSet, name: str) -> CheckpointPolicy:
    """A policy of a rule set.

    Raises:
        TruelineError: UNKNOWN_CHECKPOINT.

    """
    policies = rules.documents.get("CheckpointPolicy", {})
    found = policies.get(name)
    if not isinstance(found, CheckpointPolicy):
        raise TruelineError(
            "NOT_FOUND",
            "UNKNOWN_CHECKPOINT",
            f"no CheckpointPolicy {quoted(name)} is in force{hint(name, policies)}",
            metadata={"name": name, "nearest": nearest(name, policies) or ""},
        )
    return found


def title_of(asked: Asked, at_us: int) -> str:
    """What a run is called that nobody gave a title."""
    return asked.title or f"{asked.policy} {datetime.fromtimestamp(at_us / 1e6, UTC).date().isoformat()}"
