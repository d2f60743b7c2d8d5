"""Calls of attribution that are operations: checked and begun at once, done later, of the state that was checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.answering import Answering
from trueline_server.attribution.asking import Asking, Needs
from trueline_server.attribution.choosing import choose_models
from trueline_server.attribution.kept_answers import State
from trueline_server.attribution.mapping import map_question_from_proto
from trueline_server.errors import invalid_field
from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.operations.model import Work
from trueline_server.operations.runner import Operations
from trueline_server.operations.steps import Steps
from trueline_server.transport.tenant import TENANT, current_tenant

VALIDATE, RUN = "ValidateAttribution", "RunAttribution"
_CALLS = {"report": "the report", "comparison": "the comparison", "paths": "the paths"}


class LongCalls:
    """Begins validations, reports, comparisons and lists of paths, and does them. Methods block; thread-safe."""

    def __init__(self, asking: Asking, answering: Answering, operations: Operations) -> None:
        self._asking = asking
        self._answering = answering
        self._operations = operations
        # They read only, and of a state that stays, so they may be done again.
        operations.register(VALIDATE, _as_tenant(self._validate), resumable=True)
        operations.register(RUN, _as_tenant(self._run), resumable=True)

    def begin_validation(self, request: pb.ValidateAttributionRequest) -> pb.ValidateAttributionResponse:
        """Check a request of the tenant of the call and begin what it asks for.

        Raises:
            TruelineError: what the call says.

        """
        # Here, because it loads SciPy, which is a tenth of a server's start.
        from trueline_server.attribution.validation_mapping import map_how_from_proto

        map_how_from_proto(request)
        asked = self._asking.ask(map_question_from_proto(request.question), Needs.VALUES)
        choose_models(asked.document, request.models)
        state = State(asked.question.position or 0, asked.rules.revision)
        return pb.ValidateAttributionResponse(operation=self._begin(VALIDATE, request, state))

    def begin_call(self, request: pb.RunAttributionRequest) -> pb.RunAttributionResponse:
        """As begin_validation."""
        which = request.WhichOneof("call")
        if which is None:
            raise invalid_field("call", f"names no call; give one of {', '.join(_CALLS)}")
        call = getattr(request, which)
        if not call.HasField("question"):
            raise invalid_field(f"{which}.question", "is required")
        if getattr(call, "page_token", ""):
            raise invalid_field(f"{which}.page_token", "must be empty: an operation answers the first page")
        return pb.RunAttributionResponse(operation=self._begin(RUN, request, self._answering.check(call)))

    def _begin(self, kind: str, request: Any, state: State) -> Any:
        kept = f"{state.position} {state.revision}\n".encode() + request.SerializeToString(deterministic=True)
        asked = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()
        begun = self._operations.start(current_tenant(), kind, kept, request_id=request.request_id, asked=asked)
        return map_operation_to_proto(begun)

    def _validate(self, work: Work) -> Message:
        from trueline_server.attribution.validation.validating import steps_of, validate
        from trueline_server.attribution.validation_mapping import map_how_from_proto, map_validation_to_proto

        state, kept = _state_and_request(work.request)
        request = pb.ValidateAttributionRequest.FromString(kept)
        how = map_how_from_proto(request)
        question = map_question_from_proto(request.question)
        asked = self._asking.ask(replace(question, position=state.position, revision=state.revision), Needs.VALUES)
        models = choose_models(asked.document, request.models)
        steps = Steps(work, steps_of(len(models), how))
        return map_validation_to_proto(validate(self._asking, asked, models, how, steps.take))

    def _run(self, work: Work) -> Message:
        state, kept = _state_and_request(work.request)
        request = pb.RunAttributionRequest.FromString(kept)
        which = request.WhichOneof("call") or ""
        answers: dict[str, Callable[[Any, State], Message]] = {
            "report": self._answering.report,
            "comparison": self._answering.compare,
            "paths": self._answering.paths,
        }
        Steps(work, 1).take(f"reading journeys for {_CALLS[which]}")
        packed = Packed()
        packed.Pack(answers[which](getattr(request, which), state))
        return packed


def _as_tenant(do: Callable[[Work], Message]) -> Callable[[Work], bytes]:
    """A runner that works as the tenant whose operation it is: questions and page tokens are bound to it."""

    def run(work: Work) -> bytes:
        def as_tenant() -> bytes:
            TENANT.set(work.tenant)
            return do(work).SerializeToString(deterministic=True)

        return copy_context().run(as_tenant)

    return run


def _state_and_request(kept: bytes) -> tuple[State, bytes]:
    head, _, request = kept.partition(b"\n")
    position, _, revision = head.decode().partition(" ")
    return State(int(position), revision), request
