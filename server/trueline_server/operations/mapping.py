"""Maps operations to protobuf: the shape of google.longrunning, errors as those of failed calls."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.any_pb2 import Any
from trueline.v1 import operation_service_pb2 as pb

from trueline_server.operations.model import PREFIX, Operation, OperationError, State
from trueline_server.operations.store import unknown
from trueline_server.transport.status import Failure, map_failure_to_status
from trueline_server.transport.times import timestamp_of

_STATES: Mapping[State, pb.OperationState.ValueType] = {
    State.WAITING: pb.OPERATION_STATE_WAITING,
    State.RUNNING: pb.OPERATION_STATE_RUNNING,
    State.SUCCEEDED: pb.OPERATION_STATE_SUCCEEDED,
    State.FAILED: pb.OPERATION_STATE_FAILED,
    State.CANCELLED: pb.OPERATION_STATE_CANCELLED,
}
# Kinds with responses of several types: their results say which.
_PACKED = frozenset({"RunAttribution"})


def map_operation_to_proto(operation: Operation) -> pb.Operation:
    """An operation; its response is the message called like its kind with `Result` behind it, or packed already."""
    message = pb.Operation(name=operation.name, done=operation.ended)
    message.metadata.Pack(
        pb.OperationMetadata(
            kind=operation.kind,
            state=_STATES[operation.state],
            done_steps=operation.done,
            total_steps=operation.total,
            message=operation.message,
            cancelled=operation.cancelled,
            create_time=timestamp_of(operation.created_us),
            update_time=timestamp_of(operation.updated_us),
            expire_time=timestamp_of(operation.expires_us) if operation.ended else None,
        )
    )
    if operation.error is not None:
        message.error.CopyFrom(_map_error(operation.error))
    elif operation.result is not None:
        if operation.kind in _PACKED:
            message.response.ParseFromString(operation.result)
            return message
        url = f"type.googleapis.com/trueline.v1.{operation.kind}Result"
        message.response.CopyFrom(Any(type_url=url, value=operation.result))
    return message


def map_id_from_name(name: str) -> str:
    """The id in a name.

    Raises:
        TruelineError: UNKNOWN_OPERATION, if it is no name of an operation.

    """
    if not name.startswith(PREFIX):
        raise unknown(name)
    return name.removeprefix(PREFIX)


def _map_error(error: OperationError) -> pb.OperationError:
    failure = Failure(error.code, error.reason, error.message, error.metadata, violations=error.violations)
    status = map_failure_to_status(failure)
    return pb.OperationError(code=status.code, message=status.message, details=status.details)
