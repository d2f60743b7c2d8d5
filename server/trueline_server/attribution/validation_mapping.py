"""Maps validations from protobuf and to it; numbers that are not finite never get on the wire."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.mapping import map_about_to_proto
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.attribution.paths import Floats
from trueline_server.attribution.rounding import rounded
from trueline_server.attribution.validation.accuracy import Accuracy
from trueline_server.attribution.validation.bias import Bias
from trueline_server.attribution.validation.markov_order import OrderFit, supported_order
from trueline_server.attribution.validation.validating import HowChecked, ModelCheck, Validation
from trueline_server.errors import invalid_field

_DEFAULT = HowChecked()
FEWEST_RESAMPLES, MOST_RESAMPLES = 20, 2000
_MOST_SHARE, _MOST_CONFIDENCE, _MOST_ORDER = 0.5, 0.999, 10


def map_how_from_proto(request: pb.ValidateAttributionRequest) -> HowChecked:
    """How models are to be checked; 0 is the default.

    Raises:
        TruelineError: INVALID_FIELD.

    """
    share, confidence = request.held_out_share, request.confidence
    for field, value, most in (
        ("held_out_share", share, _MOST_SHARE),
        ("confidence", confidence, _MOST_CONFIDENCE),
    ):
        if not (math.isfinite(value) and 0 <= value <= most):
            raise invalid_field(field, f"must be above 0 and at most {most:g}, or 0 for the default; is {value:g}")
    if request.resamples and not FEWEST_RESAMPLES <= request.resamples <= MOST_RESAMPLES:
        told = f"{FEWEST_RESAMPLES} to {MOST_RESAMPLES:,}, or 0 for {_DEFAULT.resamples}"
        raise invalid_field("resamples", f"must be {told}; is {request.resamples}")
    if not 0 <= request.highest_order <= _MOST_ORDER:
        told = f"1 to {_MOST_ORDER}, or 0 for {_DEFAULT.highest_order}"
        raise invalid_field("highest_order", f"must be {told}; is {request.highest_order}")
    return HowChecked(
        share or _DEFAULT.held_out_share,
        request.resamples or _DEFAULT.resamples,
        confidence or _DEFAULT.confidence,
        request.seed,
        request.highest_order or _DEFAULT.highest_order,
    )


def map_validation_to_proto(found: Validation) -> pb.ValidateAttributionResult:
    """What models came to."""
    digits = minor_unit_digits(found.asked.document.currency)
    return pb.ValidateAttributionResult(
        about=map_about_to_proto(found.asked),
        journeys=found.journeys,
        conversions=found.conversions,
        models=[_check(name, check, digits) for name, check in found.models.items()],
        orders=[_order(fit) for fit in found.orders],
        supported_order=supported_order(found.orders) if found.orders else 0,
    )


def _check(name: str, check: ModelCheck, digits: int) -> pb.ModelValidation:
    return pb.ModelValidation(
        model=name,
        accuracy=None if check.accuracy is None else _accuracy(check.accuracy),
        bias=None if check.bias is None else _bias(check.bias),
        intervals=_intervals(check, digits),
        notes=check.notes,
    )


def _accuracy(accuracy: Accuracy) -> pb.ModelAccuracy:
    return pb.ModelAccuracy(
        journeys=accuracy.journeys,
        conversions=accuracy.conversions,
        auc=_told(accuracy.auc, 0.5),
        p_value=_told(accuracy.p_value, 1.0),
        log_loss=accuracy.log_loss,
        base_log_loss=accuracy.base_log_loss,
        brier=accuracy.brier,
    )


def _bias(bias: Bias) -> pb.ModelBias:
    return pb.ModelBias(
        position_shares=bias.position_shares,
        even_shares=bias.even_shares,
        position_effect=_told(bias.position_effect, 0.0),
        position_p_value=_told(bias.position_p_value, 1.0),
        length_effect=_told(bias.length_effect, 0.0),
        length_p_value=_told(bias.length_p_value, 1.0),
        channels=[
            pb.ChannelBias(
                channel=one.channel,
                journeys=one.journeys,
                predicted=one.predicted,
                converted=one.converted,
                effect=_told(one.effect, 0.0),
                p_value=_told(one.p_value, 1.0),
            )
            for one in bias.channels
        ],
    )


def _intervals(check: ModelCheck, digits: int) -> list[pb.ChannelInterval]:
    credit, ends = check.credit, check.stability
    if credit is None or ends is None:
        return []
    values = rounded(credit.value, digits, names=credit.channels)
    low, high = (_each_rounded(part, digits) for part in (ends.value_low, ends.value_high))
    # What the last bits of a float say is no difference.
    order = sorted(
        range(len(credit.channels)), key=lambda k: (-round(float(credit.conversions[k]), 9), credit.channels[k])
    )
    return [
        pb.ChannelInterval(
            channel=credit.channels[k],
            conversions=float(credit.conversions[k]),
            conversions_low=float(ends.conversions_low[k]),
            conversions_high=float(ends.conversions_high[k]),
            value=f"{values[k]:f}",
            value_low=f"{low[k]:f}",
            value_high=f"{high[k]:f}",
        )
        for k in order
    ]


def _each_rounded(amounts: Floats, digits: int) -> list[Decimal]:
    """Each by itself: ends of intervals add up to nothing."""
    return [rounded(np.array([amount]), digits)[0] for amount in amounts.tolist()]


def _order(fit: OrderFit) -> pb.MarkovOrderFit:
    return pb.MarkovOrderFit(
        order=fit.order,
        states=fit.states,
        parameters=fit.parameters,
        log_likelihood=fit.log_likelihood,
        aic=fit.aic,
        bic=fit.bic,
        p_value=None if fit.order == 1 else fit.p_value,
    )


def _told(value: float, otherwise: float) -> float:
    """A statistic; where all that it looks at is alike there is none, and nothing is found."""
    return value if math.isfinite(value) else otherwise
