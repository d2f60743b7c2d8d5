"""Heuristic models: how much of a conversion each touch of its journey earned."""

from trueline_server.attribution.models.spec import (
    CustomWeights,
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    WShaped,
)
from trueline_server.attribution.models.touches import Touches
from trueline_server.attribution.models.weights import weights

__all__ = [
    "CustomWeights",
    "FirstTouch",
    "LastNonDirect",
    "LastTouch",
    "Linear",
    "Model",
    "PositionBased",
    "TimeDecay",
    "Touches",
    "WShaped",
    "weights",
]
