"""Reads requests about the backlog: states, priorities, and what an update mask names."""

from __future__ import annotations

from collections.abc import Sequence

from trueline.v1 import checkpoint_service_pb2 as pb
from trueline_rules.checkpoint_model import Priority
from trueline_rules.names import hint, quoted

from trueline_server.alerts.mapping import STATE_NAMES
from trueline_server.cases.model import CaseState
from trueline_server.checkpoints.backlog import BacklogChange
from trueline_server.checkpoints.mapping import PRIORITIES
from trueline_server.errors import invalid_field

_PRIORITIES = {number: priority for priority, number in PRIORITIES.items()}
_STATES: dict[int, CaseState] = {int(number): state for number, state in STATE_NAMES.items()}
_CHANGEABLE = ("owner", "priority", "state")


def states_of(numbers: Sequence[int]) -> frozenset[CaseState]:
    """The states that a list is asked for.

    Raises:
        TruelineError: INVALID_FIELD naming the one that is none.

    """
    for position, number in enumerate(numbers):
        if number not in _STATES:
            raise invalid_field(f"states[{position}]", f"is {number}, which is no state; leave it out for all states")
    return frozenset(_STATES[number] for number in numbers)


def priority_of(number: pb.Priority.ValueType, field: str) -> Priority | None:
    """A priority; None if it is not set.

    Raises:
        TruelineError: INVALID_FIELD, if it is none.

    """
    if number == pb.PRIORITY_UNSPECIFIED:
        return None
    if number not in _PRIORITIES:
        raise invalid_field(field, f"is {number}, which is no priority")
    return _PRIORITIES[number]


def change_of(request: pb.UpdateBacklogItemRequest) -> BacklogChange:
    """What is to be changed of an item: what the mask names, or without one what is set.

    Raises:
        TruelineError: INVALID_FIELD, for a path that cannot be changed, and a value that is none.

    """
    item, paths = request.item, set(request.update_mask.paths)
    for path in sorted(paths - {"*", *_CHANGEABLE}):
        told = f"names {quoted(path)}, which cannot be changed{hint(path, _CHANGEABLE)}"
        raise invalid_field("update_mask", told)
    if not paths:
        paths = {name for name in _CHANGEABLE if getattr(item, name)}
    elif "*" in paths:
        paths = set(_CHANGEABLE)
    priority = priority_of(item.priority, "item.priority") if "priority" in paths else None
    if "priority" in paths and priority is None:
        raise invalid_field("item.priority", "is in the update mask and not set; set it, or leave it out of the mask")
    state = None
    if "state" in paths:
        if item.state not in _STATES:
            raise invalid_field("item.state", "is in the update mask and no state; set it, or leave it out of the mask")
        state = _STATES[item.state]
    return BacklogChange(
        owner=item.owner if "owner" in paths else None, priority=priority, state=state, note=request.note
    )
