"""How far an attribution may be believed: its accuracy, its bias, its stability, and the order of its chain."""

from trueline_server.attribution.validation.accuracy import Accuracy, accuracy_of
from trueline_server.attribution.validation.bias import Bias, ChannelBias, bias_of, touch_weights_of
from trueline_server.attribution.validation.markov_order import OrderFit, fit_orders, supported_order
from trueline_server.attribution.validation.prediction import Crediting, HeldOut, divided, held_out, predicted
from trueline_server.attribution.validation.stability import Stability, resampled, stability_of

__all__ = [
    "Accuracy",
    "Bias",
    "ChannelBias",
    "Crediting",
    "HeldOut",
    "OrderFit",
    "Stability",
    "accuracy_of",
    "bias_of",
    "divided",
    "fit_orders",
    "held_out",
    "predicted",
    "resampled",
    "stability_of",
    "supported_order",
    "touch_weights_of",
]
