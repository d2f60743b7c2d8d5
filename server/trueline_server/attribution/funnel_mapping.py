"""Maps funnels from protobuf and to it."""

from __future__ import annotations

from trueline.v1 import attribution_service_pb2 as pb
from trueline_rules.attribution_model import Selection

from trueline_server.attribution.asking import LONGEST_US
from trueline_server.attribution.funnel import Funnel, Step
from trueline_server.attribution.mapping import map_about_to_proto
from trueline_server.errors import invalid_field

_WINDOW_US = 30 * 86_400_000_000
_FEWEST_STEPS = 2


def map_steps_from_proto(request: pb.GetFunnelRequest) -> list[Step]:
    """The steps of a funnel, at least two.

    Raises:
        TruelineError: INVALID_FIELD.

    """
    if len(request.steps) < _FEWEST_STEPS:
        raise invalid_field("steps", f"must be at least {_FEWEST_STEPS}; a funnel goes from one to another")
    steps = []
    for place, step in enumerate(request.steps):
        if bool(step.events) == bool(step.roles):
            raise invalid_field(f"steps[{place}]", "needs either events or roles")
        name = step.name or ", ".join([*step.events, *step.roles])
        steps.append(Step(name, Selection(tuple(step.events), tuple(step.roles))))
    return steps


def map_window_from_proto(request: pb.GetFunnelRequest) -> int:
    """How long a funnel may take (µs).

    Raises:
        TruelineError: INVALID_FIELD.

    """
    if not request.HasField("window"):
        return _WINDOW_US
    us = request.window.ToMicroseconds()
    if not 0 < us <= LONGEST_US:
        raise invalid_field("window", f"must be above 0 and at most 400 days, is {us / 1_000_000:g} s")
    return int(us)


def map_funnel_to_proto(funnel: Funnel) -> pb.GetFunnelResponse:
    """A funnel."""
    return pb.GetFunnelResponse(
        about=map_about_to_proto(funnel.asked),
        steps=_steps(funnel.steps, funnel.people),
        channels=[
            pb.FunnelChannel(channel=channel, steps=_steps(funnel.steps, people)) for channel, people in funnel.channels
        ],
    )


def _steps(names: tuple[str, ...], people: tuple[int, ...]) -> list[pb.FunnelStep]:
    steps = []
    before = first = people[0]
    for name, count in zip(names, people, strict=True):
        shares = {"from_previous": count / before if before else 0.0, "from_first": count / first if first else 0.0}
        steps.append(pb.FunnelStep(name=name, people=count, **shares))
        before = count
    return steps
