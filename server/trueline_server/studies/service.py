"""The use case of studies: begins them as operations, reads those that are kept, compares two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.operations.model import Operation
from trueline_server.rules.in_force import RulesOf
from trueline_server.studies import store
from trueline_server.studies.comparing import Comparison, compare_runs
from trueline_server.studies.model import Asked, Period, StudyRun
from trueline_server.studies.operation import StudyOperation
from trueline_server.studies.periods import previous_period
from trueline_server.studies.questions import settled


@dataclass(frozen=True, slots=True)
class Checked:
    """What is asked for with its defaults filled in.

    Attributes:
        asked: with the breakdowns.
        previous: the period that it is compared with.

    """

    asked: Asked
    previous: Period


class StudyService:
    """Answers about studies. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, rules: RulesOf, operation: StudyOperation, clock: Clock) -> None:
        self._state = state
        self._rules = rules
        self._operation = operation
        self._clock = clock

    def check(self, tenant: str, asked: Asked) -> Checked:
        """What would be studied (`validate_only`).

        Raises:
            TruelineError: UNKNOWN_STUDY, INVALID_FIELD, UNPLAYED_ROLE.

        """
        study = settled(self._rules(tenant), asked, self._clock())
        named = replace(asked, breakdowns=tuple(study.breakdowns))
        return Checked(named, previous_period(asked.period, study.previous))

    def run(self, tenant: str, asked: Asked) -> Operation:
        """Begin a study: an operation of kind RunStudy, whose result is what `result_of` makes of it.

        Raises:
            TruelineError: as `check`; TOO_MANY_OPERATIONS; INVALID_FIELD, if the request id stands for another request.

        """
        self.check(tenant, asked)
        return self._operation.begin(tenant, asked)

    def get(self, tenant: str, run: str) -> StudyRun:
        """A run by its id, with its figures.

        Raises:
            TruelineError: UNKNOWN_STUDY.

        """
        with self._state.reading() as connection:
            found = store.find_run(connection, tenant, run)
        if found is None:
            raise TruelineError(
                "NOT_FOUND",
                "UNKNOWN_STUDY",
                f"no run '{run}' of a study is kept; see ListStudies (trueline study list)",
                metadata={"name": run, "nearest": ""},
            )
        return found

    def list(
        self,
        tenant: str,
        *,
        study: str = "",
        start_us: int | None = None,
        end_us: int | None = None,
        before: int | None = None,
        most: int = 100,
    ) -> Sequence[StudyRun]:
        """Runs without figures and campaigns, the newest first.

        Args:
            tenant: whose.
            study: only of this one; "" = of all.
            start_us: only of periods that start at or after this instant; None = of all.
            end_us: only of periods that end at or before this instant; None = of all.
            before: only with numbers below this one; None = all.
            most: at most so many.

        """
        with self._state.reading() as connection:
            return store.list_runs(
                connection, tenant, study=study, start_us=start_us, end_us=end_us, before=before, most=most
            )

    def compare(self, tenant: str, run: str, other: str = "") -> Comparison:
        """Each figure of two runs, that of the earlier period first; "" = the run before it of the same definition.

        Raises:
            TruelineError: UNKNOWN_STUDY; INVALID_FIELD (of another study or definition, or there is none before).

        """
        after = self.get(tenant, run)
        if not other:
            with self._state.reading() as connection:
                former = store.list_runs(
                    connection, tenant, study=after.study, definition=after.definition, before=after.number, most=1
                )
            if not former:
                told = f"is needed: {after.id} is the first run of {after.study} as it is defined now"
                raise invalid_field("other", told)
            other = former[0].id
        before = self.get(tenant, other)
        if before.study != after.study:
            told = f"is '{before.id}', a run of {before.study}, but '{after.id}' is one of {after.study}"
            raise invalid_field("other", f"{told}; compare two runs of one study")
        if before.definition != after.definition:
            told = f"is of another definition of {after.study} ({before.definition}) than {after.id}"
            raise invalid_field(
                "other", f"{told} ({after.definition}), so that they count different things; run it anew"
            )
        return compare_runs(after, before)
