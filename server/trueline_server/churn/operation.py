"""Training as an operation: the request of TrainChurnModel begins one, its result is a model or why there is none."""

from __future__ import annotations

import hashlib

from trueline.v1 import churn_service_pb2 as pb
from trueline_rules.churn_model import ChurnModel

from trueline_server.churn.fitted import model_id, write_model
from trueline_server.churn.learning import Lesson, failed_check, lesson_of, require_learning
from trueline_server.churn.mapping import (
    map_insufficient_to_proto,
    map_model_to_proto,
    map_report_to_proto,
    map_table_from_proto,
)
from trueline_server.churn.model import Trained
from trueline_server.churn.population import ChurnPopulation
from trueline_server.churn.reading import TableError, listed
from trueline_server.churn.screening import Note
from trueline_server.churn.service import ChurnService, Known
from trueline_server.churn.store import KeptModel
from trueline_server.churn.tables import Labelled, read_labelled
from trueline_server.clock import Clock
from trueline_server.errors import invalid_field
from trueline_server.operations.model import Operation, Work
from trueline_server.operations.runner import Operations
from trueline_server.transport.times import microseconds_of, timestamp_of

KIND = "TrainChurnModel"
FACTS, TABLE = "facts", "table"
_SHOWN = 5


class ChurnTraining:
    """Begins trainings and does them. Methods block; thread-safe."""

    def __init__(
        self, service: ChurnService, population: ChurnPopulation, operations: Operations, clock: Clock
    ) -> None:
        self._service = service
        self._population = population
        self._operations = operations
        self._clock = clock
        # The same lesson comes to the same model, so it may be learned again.
        operations.register(KIND, self.run, resumable=True)

    def begin(self, tenant: str, request: pb.TrainChurnModelRequest) -> Operation:
        """Check a request and begin what it asks for.

        Raises:
            TruelineError: MISSING_EXTRA; UNKNOWN_CHURN_MODEL; INVALID_FIELD; TOO_MANY_OPERATIONS.

        """
        require_learning()
        document = self._service.known(tenant, request.document).document
        kept = pb.TrainChurnModelRequest()
        kept.CopyFrom(request)
        # The same work, however long somebody was ready to wait for it.
        kept.ClearField("min_position")
        asked = hashlib.blake2b(kept.SerializeToString(deterministic=True), digest_size=16).hexdigest()
        if request.HasField("table"):
            if request.HasField("at"):
                raise invalid_field("at", "goes with facts; a table is as it is")
            _labelled(request)
        else:
            self._check_facts(request, document)
        if not request.HasField("table") and not request.HasField("at"):
            # Whenever it is done, it is about the same instant.
            kept.at.CopyFrom(timestamp_of(self._clock()))
        return self._operations.start(
            tenant, KIND, kept.SerializeToString(deterministic=True), request_id=request.request_id, asked=asked
        )

    def _check_facts(self, request: pb.TrainChurnModelRequest, document: ChurnModel) -> None:
        """Refuse what facts cannot be asked."""
        if request.HasField("at"):
            self._service.past(microseconds_of(request.at, "at"))
        for place, name in enumerate(request.keep):
            if name not in document.names:
                told = f"is '{name}', which is no feature of {document.metadata.name}; it has"
                raise invalid_field(f"keep[{place}]", f"{told}: {', '.join(document.names)}")

    def run(self, work: Work) -> bytes:
        """Do one; see Runner."""
        from trueline_server.churn.fitting.training import Needed, train

        request = pb.TrainChurnModelRequest.FromString(work.request)
        known = self._service.known(work.tenant, request.document)
        document = known.document
        table, lesson = None, None
        if request.HasField("table"):
            table = _labelled(request)
            accounts, labels = table.accounts, table.labels
        else:
            lesson = self._lesson(work, request, known)
            accounts, labels = lesson.accounts, lesson.labels

        def tell(done: int, total: int, message: str) -> None:
            work.go_on()
            work.progress(done, total, message)

        needed = Needed(document.least_accounts, document.least_of_each_class)
        found = train(
            accounts,
            labels,
            seed=request.seed,
            needed=needed,
            keep=frozenset(request.keep),
            notes=_unknown_then(document, lesson) if table is None else table.notes,
            tell=tell,
        )
        if not isinstance(found, Trained):
            result = pb.TrainChurnModelResult(insufficient=map_insufficient_to_proto(found))
        else:
            kept, active = self._keep(work.tenant, request, document, found, table=table, lesson=lesson)
            result = pb.TrainChurnModelResult(model=map_model_to_proto(kept, active=active))
        return result.SerializeToString(deterministic=True)

    def _lesson(self, work: Work, request: pb.TrainChurnModelRequest, known: Known) -> Lesson:
        work.progress(0, 0, "reads facts and metrics")
        at_us = microseconds_of(request.at, "at")
        return lesson_of(self._population, work.tenant, known.rules, known.document, at_us)

    def _keep(
        self,
        tenant: str,
        request: pb.TrainChurnModelRequest,
        document: ChurnModel,
        found: Trained,
        *,
        table: Labelled | None,
        lesson: Lesson | None,
    ) -> tuple[KeptModel, bool]:
        model = found.model
        if lesson is not None:
            model = model.meaning({one.name: one.meaning for one in document.features}, document.among)
        content = write_model(model)
        message = map_report_to_proto(
            found.report,
            form=found.model.form,
            seed=request.seed,
            source=FACTS if table is None else TABLE,
            horizon_us=document.label.within_us,
        )
        if lesson is not None:
            message.features_at.CopyFrom(timestamp_of(lesson.features_us))
            message.labels_until.CopyFrom(timestamp_of(lesson.labels_us))
        strange = [name for name in found.model.features if name not in document.names]
        check = failed_check(found.report)
        if not check and strange:
            named = ", ".join(strange[:_SHOWN]) + (", …" if len(strange) > _SHOWN else "")
            check = f"the document has no features {named}; ask for this model by its id"
        kept = KeptModel(
            document.metadata.name,
            model_id(content),
            self._clock(),
            check,
            content,
            message.SerializeToString(deterministic=True),
        )
        return kept, self._service.keep(tenant, kept)


def _unknown_then(document: ChurnModel, lesson: Lesson | None) -> tuple[Note, ...]:
    """Where there was no account: of which features, and when."""
    if lesson is None or len(lesson.accounts):
        return ()
    then = timestamp_of(lesson.features_us).ToDatetime()
    named = listed(document.names)
    told = f"at {then:%Y-%m-%d %H:%M} UTC nothing of {named} was known of any account"
    return (Note("", "rows", told + (f" of which {document.among} holds" if document.among else "")),)


def _labelled(request: pb.TrainChurnModelRequest) -> Labelled:
    try:
        return read_labelled(
            map_table_from_proto(request.table),
            label=request.label,
            id=request.id,
            churned=request.churned,
            keep=request.keep,
        )
    except TableError as error:
        raise invalid_field(error.field, error.description) from error
