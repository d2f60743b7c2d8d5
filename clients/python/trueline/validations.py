"""Validations of attribution: how far models can be trusted; and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trueline.attribution import AttributionAbout
from trueline.attribution_mapping import about
from trueline.v1 import attribution_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class ModelAccuracy:
    """How well a model's credit tells journeys that convert from others, among those that were held out.

    Attributes:
        journeys, conversions: that were held out.
        auc: probability that a journey that converted was given a higher chance than one that did not, 0 to 1; 0.5 is
            chance.
        p_value: of such a distance from 0.5 by chance.
        log_loss: mean of -ln of the probability given to what happened, nats a journey; less is better.
        base_log_loss: the same of one probability for all journeys.
        brier: mean squared distance of the probability from what happened, 0 to 1; less is better.

    """

    journeys: int
    conversions: int
    auc: float
    p_value: float
    log_loss: float
    base_log_loss: float
    brier: float


@dataclass(frozen=True, slots=True)
class ChannelBias:
    """Whether held-out journeys with a channel convert as often as the model predicts.

    Attributes:
        journeys: with the channel.
        predicted, converted: conversions of them.
        effect: Cohen's h, -pi to pi; above 0 the model gives the channel too little.
        p_value: of such a difference by chance, controlled for the number of channels.

    """

    channel: str
    journeys: int
    predicted: float
    converted: int
    effect: float
    p_value: float


@dataclass(frozen=True, slots=True)
class ModelBias:
    """What a model favours.

    Attributes:
        position_shares: credit of the first touch, those between and the last, on journeys of three touches and more.
        even_shares: the same if all touches had the same.
        position_effect, position_p_value: of the difference (Cohen's w; chi-square test).
        length_effect, length_p_value: correlation of the rank of a journey's length with what happened less what was
            predicted, -1 to 1; below 0 the model gives long journeys too much.
        channels: the same question for each channel.

    """

    position_shares: tuple[float, ...]
    even_shares: tuple[float, ...]
    position_effect: float
    position_p_value: float
    length_effect: float
    length_p_value: float
    channels: tuple[ChannelBias, ...]


@dataclass(frozen=True, slots=True)
class ChannelInterval:
    """A channel's credit by a model, and how far it would differ by chance."""

    channel: str
    conversions: float
    conversions_low: float
    conversions_high: float
    value: Decimal
    value_low: Decimal
    value_high: Decimal


@dataclass(frozen=True, slots=True)
class ModelValidation:
    """How far a model can be trusted.

    Attributes:
        accuracy, bias: None where there are too few journeys; `notes` say so.
        intervals: of the channels, the largest credit first; () = nothing converted.
        notes: what is missing and why, for people.

    """

    model: str
    accuracy: ModelAccuracy | None
    bias: ModelBias | None
    intervals: tuple[ChannelInterval, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkovOrderFit:
    """How well a Markov chain of an order tells the paths; `p_value` of the gain over the order before, None at 1."""

    order: int
    states: int
    parameters: int
    log_likelihood: float
    aic: float
    bic: float
    p_value: float | None


@dataclass(frozen=True, slots=True)
class AttributionValidation:
    """How far the models of a document can be trusted.

    Attributes:
        journeys, conversions: with a touch; the first are all, the second those that converted.
        models: in the order of the request.
        orders: of a Markov chain, from 1.
        supported_order: the order that the data supports; 0 = no paths.

    """

    about: AttributionAbout
    journeys: int
    conversions: int
    models: tuple[ModelValidation, ...]
    orders: tuple[MarkovOrderFit, ...]
    supported_order: int


def validation(message: pb.ValidateAttributionResult) -> AttributionValidation:
    """A validation."""
    return AttributionValidation(
        about=about(message.about),
        journeys=message.journeys,
        conversions=message.conversions,
        models=tuple(_model(model) for model in message.models),
        orders=tuple(
            MarkovOrderFit(
                order=fit.order,
                states=fit.states,
                parameters=fit.parameters,
                log_likelihood=fit.log_likelihood,
                aic=fit.aic,
                bic=fit.bic,
                p_value=fit.p_value if fit.HasField("p_value") else None,
            )
            for fit in message.orders
        ),
        supported_order=message.supported_order,
    )


def _model(message: pb.ModelValidation) -> ModelValidation:
    return ModelValidation(
        model=message.model,
        accuracy=_accuracy(message.accuracy) if message.HasField("accuracy") else None,
        bias=_bias(message.bias) if message.HasField("bias") else None,
        intervals=tuple(
            ChannelInterval(
                channel=one.channel,
                conversions=one.conversions,
                conversions_low=one.conversions_low,
                conversions_high=one.conversions_high,
                value=Decimal(one.value or 0),
                value_low=Decimal(one.value_low or 0),
                value_high=Decimal(one.value_high or 0),
            )
            for one in message.intervals
        ),
        notes=tuple(message.notes),
    )


def _accuracy(message: pb.ModelAccuracy) -> ModelAccuracy:
    return ModelAccuracy(
        journeys=message.journeys,
        conversions=message.conversions,
        auc=message.auc,
        p_value=message.p_value,
        log_loss=message.log_loss,
        base_log_loss=message.base_log_loss,
        brier=message.brier,
    )


def _bias(message: pb.ModelBias) -> ModelBias:
    return ModelBias(
        position_shares=tuple(message.position_shares),
        even_shares=tuple(message.even_shares),
        position_effect=message.position_effect,
        position_p_value=message.position_p_value,
        length_effect=message.length_effect,
        length_p_value=message.length_p_value,
        channels=tuple(
            ChannelBias(one.channel, one.journeys, one.predicted, one.converted, one.effect, one.p_value)
            for one in message.channels
        ),
    )
