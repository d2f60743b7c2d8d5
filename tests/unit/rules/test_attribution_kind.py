"""The kind AttributionModel: what its documents become, and what is told about those that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.attribution_model import (
    AttributionModel,
    ConversionEvents,
    Formula,
    ModelSpec,
    Selection,
    Transform,
    TransformKind,
)
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_rules, load_texts
from trueline_rules.schema import schema_for
from trueline_rules.writing import write_document

DAY_US = 86_400_000_000
HEAD = """\
apiVersion: trueline/v1
kind: AttributionModel
metadata: {name: shop}
spec:
"""
TOUCHES = "  touches: {events: [ad_clicked], channel: properties.channel}\n"
ORDERS = "  conversions: {order: {events: [ordered], lookback: 30d, value: value}}\n"
MODELS = "  models: {last: {formula: last}}\n"
WHOLE = HEAD + TOUCHES + ORDERS + MODELS + "  currency: EUR\n"


def _loaded(text: str) -> AttributionModel:
    model = load_texts([("shop.yaml", text)]).documents["AttributionModel"]["shop"]
    assert isinstance(model, AttributionModel)
    return model


def _problem(text: str) -> str:
    with pytest.raises(RuleFileError) as caught:
        load_texts([("shop.yaml", text)])
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0].message


def _with_models(models: str) -> str:
    return WHOLE.replace(MODELS, f"  models: {{{models}}}\n")


def test_a_small_document_has_the_defaults() -> None:
    """Journeys split at conversions, touches stay as they are, and nobody says what was spent."""
    model = _loaded(WHOLE)
    assert model.conversions == {"order": ConversionEvents(Selection(("ordered",)), 30 * DAY_US)}
    assert (model.split, model.transforms, model.costs, model.stitches) == (True, (), None, None)
    assert model.models == {"last": ModelSpec(Formula.LAST)}


def test_models_have_the_parameters_of_the_literature() -> None:
    """Seven days of half-life, 40/20/40, 30/30/30 and 10, order 1, subsets."""
    models = load_rules([]).documents["AttributionModel"]["default"].models
    assert models["time_decay"].half_life_us == 7 * DAY_US
    assert models["position"].shares == (0.4, 0.2, 0.4)
    assert models["w_shaped"].shares == (0.3, 0.3, 0.3, 0.1)
    assert (models["markov"].order, models["shapley"].form) == (1, "subset")


def test_parameters_that_are_left_out_are_the_same_as_written_out() -> None:
    """A bare formula is the model with its standard parameters."""
    bare = _loaded(_with_models("t: {formula: time_decay}, p: {formula: position}, m: {formula: markov}")).models
    written = "t: {formula: time_decay, half_life: 7d}, p: {formula: position, shares: [0.4, 0.2, 0.4]}"
    assert bare == _loaded(_with_models(written + ", m: {formula: markov, order: 1}")).models


def test_a_document_is_written_as_it_was_read() -> None:
    """Written back and read again it is the same, whatever it says."""
    text = (
        WHOLE.replace("value: value}", "value: properties.total, segment: currency, refunds: {roles: [refund]}}")
        .replace("channel: properties.channel}", "channel: properties.channel, campaign: properties.c}")
        .replace(
            MODELS, "  models: {c: {formula: custom, from_first: [2, 1], between: 1}, n: {formula: markov, order: 3}}\n"
        )
        + "  costs: {roles: [spend], channel: properties.channel, value: properties.cents}\n"
        + "  stitches: {events: [signed_in]}\n  rates: {USD: 0.9}\n"
        + "  milestones: {lead: {events: [lead]}, opportunity: {roles: [subscription]}}\n"
        + "  journeys: {split: false, transforms: [exposure, {trim: 20}]}\n"
    )
    model = _loaded(text)
    assert model.transforms == (Transform(TransformKind.EXPOSURE), Transform(TransformKind.TRIM, 20))
    assert not model.split
    written = write_document("AttributionModel", model)
    assert replace(_loaded(written), metadata=model.metadata) == model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            WHOLE.replace("lookback: 30d", "lookback: 0d"),
            "spec.conversions.order.lookback must be above 0, or no touch could be before the conversion; write 30d",
            id="lookback of zero",
        ),
        pytest.param(
            WHOLE.replace("lookback: 30d", "lookback: 30 days"), "is '30 days'; write 30d", id="lookback in words"
        ),
        pytest.param(
            WHOLE.replace("formula: last", "formula: lst"), "formula is 'lst'; did you mean 'last'?", id="unknown model"
        ),
        pytest.param(
            _with_models("p: {formula: position, shares: [0.4, 0.4, 0.4]}"),
            "shares must add up to 1, add up to 1.2; write [0.4, 0.2, 0.4]",
            id="shares that do not add up",
        ),
        pytest.param(
            _with_models("p: {formula: position, shares: [0.3, 0.3, 0.3, 0.1]}"),
            "must have 3 shares for position, has 4",
            id="shares of another model",
        ),
        pytest.param(
            _with_models("t: {formula: time_decay, half_life: 0s}"), "half_life must be above 0", id="half-life of zero"
        ),
        pytest.param(
            _with_models("c: {formula: custom, between: 0}"), "gives no touch any weight", id="weights of nothing"
        ),
        pytest.param(
            _with_models("m: {formula: markov, order: 0}"), "must be a whole number from 1 up to 4", id="order 0"
        ),
        pytest.param(
            _with_models("m: {formula: linear, order: 2}"),
            "order does not go with formula 'linear'",
            id="parameter of another model",
        ),
        pytest.param(
            _with_models("w: {formula: w_shaped}"), "needs spec.milestones", id="milestones that nobody names"
        ),
        pytest.param(WHOLE.replace("[ad_clicked]", '["*"]'), "touches.events has '*'", id="every event is a touch"),
        pytest.param(
            WHOLE.replace("events: [ad_clicked]", "roles: [tuch]"), "did you mean 'touch'?", id="unknown role"
        ),
        pytest.param(
            WHOLE.replace("value: value", "value: currency"), "must be value or properties.<key>", id="value of texts"
        ),
        pytest.param(
            WHOLE.replace("value: value", "refunds: {roles: [refund]}"), "needs 'value'", id="refunds of nothing"
        ),
        pytest.param(
            WHOLE.replace("value: value", "value: value, refunds: {events: [ordered]}"),
            "refunds has 'ordered', which is a conversion here",
            id="refunds that are conversions",
        ),
        pytest.param(WHOLE + "  rates: {EUR: 1}\n", "is the currency that values are told in", id="rate of itself"),
        pytest.param(WHOLE + "  rates: {USD: 0}\n", "must be a number above 0", id="rate of zero"),
        pytest.param(WHOLE.replace("EUR", "Euro"), "ISO 4217", id="no currency"),
        pytest.param(WHOLE + "  journeys: {transforms: [{trim: 0}]}\n", "from 1", id="trimmed to nothing"),
    ],
)
def test_a_mistake_is_told_with_the_way_out(text: str, message: str) -> None:
    """One mistake is one problem, which names the key and what is wrong with its value."""
    assert message in _problem(text)


def test_the_schema_accepts_what_loads() -> None:
    """Editors see no mistake in a document without one, and see a parameter of another model."""
    schema = Draft7Validator(schema_for("AttributionModel"))
    assert schema.is_valid(yaml.safe_load(WHOLE))
    assert not schema.is_valid(yaml.safe_load(_with_models("m: {formula: linear, order: 2}")))
