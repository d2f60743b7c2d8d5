"""The kind ChurnModel: what its documents become, and what is told about those that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.churn_model import ChurnLabel, ChurnModel
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_rules, load_texts
from trueline_rules.schema import schema_for
from trueline_rules.writing import write_document

DAY_US = 86_400_000_000
_FACT = "apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {}}}\nspec: {{subject: {}, type: {}}}\n---\n"
FACTS = "".join(
    _FACT.format(*one)
    for one in (
        ("seats", "account", "number"),
        ("since", "account", "datetime"),
        ("age", "user", "number"),
        ("gone", "account", "bool"),
        ("size", "account", "number"),
    )
)
for _name, _window in (("opened", "1d"), ("wide", "1d, step: 1h")):
    FACTS += f"apiVersion: trueline/v1\nkind: Metric\nmetadata: {{name: {_name}}}\n"
    FACTS += f"spec: {{events: [opened], aggregation: count, window: {_window}}}\n---\n"
HEAD = "apiVersion: trueline/v1\nkind: ChurnModel\nmetadata: {name: small}\nspec:\n"
LEAST = HEAD + "  features: [seats]\n  label: {fact: gone}\n"


def _with(source: str, name: str = "opens") -> str:
    return HEAD + f"  features: [seats, {{name: {name}, from: {source}}}]\n  label: {{fact: gone}}\n"


def _loaded(text: str) -> ChurnModel:
    model = load_texts([("churn.yaml", FACTS + text)]).documents["ChurnModel"]["small"]
    assert isinstance(model, ChurnModel)
    return model


def test_a_small_document_has_the_defaults() -> None:
    """A horizon of 30 days, 200 accounts, 30 of each class, the usual limits of PSI, one probability for all."""
    model = _loaded(LEAST)
    assert model.label == ChurnLabel("gone", None, 30 * DAY_US)
    assert (model.least_accounts, model.least_of_each_class) == (200, 30)
    assert (model.shifted, model.drifted, model.otherwise) == (0.1, 0.25, 0.05)
    assert (model.fallback, model.segments, model.bases) == ((), (), {})


def test_whom_it_is_about_is_written_back() -> None:
    """Everybody, unless a condition over the features says otherwise."""
    assert _loaded(LEAST).among == ""
    model = _loaded(LEAST + "  among: seats > 1\n")
    assert model.among == "seats > 1"
    again = load_texts([("churn.yaml", FACTS + write_document("ChurnModel", model))]).documents["ChurnModel"]["small"]
    assert isinstance(again, ChurnModel)
    assert again.among == "seats > 1"


def test_a_document_is_written_back_as_it_is() -> None:
    """The default pack's, with all that it has."""
    model = load_rules([]).documents["ChurnModel"]["accounts"]
    assert isinstance(model, ChurnModel)
    text = write_document("ChurnModel", model)
    again = load_texts([("churn.yaml", text)]).documents["ChurnModel"]["accounts"]
    assert isinstance(again, ChurnModel)
    assert replace(again, metadata=model.metadata) == model
    schema = Draft7Validator(schema_for("ChurnModel"))
    assert not list(schema.iter_errors(yaml.safe_load(text)))
    # None of its numbers was measured, which each of them says.
    assert set(model.bases.values()) == {"assumed"}
    assert {one.basis for one in (*model.fallback, *model.segments)} == {"assumed"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "  features: [seat]\n  label: {fact: gone}\n", "spec.features[0] is 'seat', but there is no FactType"),
        (HEAD + "  features: [age]\n  label: {fact: gone}\n", "a fact of the subject user, not account"),
        (HEAD + "  features: [since]\n  label: {fact: gone}\n", "a datetime; features are number, decimal, text, bool"),
        (HEAD + "  features: [seats, gone]\n  label: {fact: gone}\n", "the label; a feature must not tell it"),
        (HEAD + "  features: [seats]\n  label: {fact: size}\n", "is 'size', a number of account; it must be a bool"),
        (HEAD + "  features: [seats]\n  label: {roles: [leaving]}\n", "a role that no event mapping fills"),
        (HEAD + "  features: [seats]\n  label: {fact: gone, events: [x]}\n", "needs either 'fact' or 'events'"),
        (_with("{metric: open, agg: sum}"), "from.metric is 'open', but there is no Metric of that name"),
        (_with("{metric: wide, over: 7d, agg: sum}"), "whose windows of 1d overlap; take one whose windows do"),
        (_with("{metric: opened, over: 7d, agg: rate}"), "of which rate is taken; take last, avg, max"),
        (_with("{metric: opened, over: 7d}"), "over needs agg to say what the values of the window come to"),
        (_with("{metric: opened, by: plan}"), "from.by must be account_id, is 'plan'"),
        (_with("{fact: seat}"), "from.fact is 'seat', but there is no FactType of that name"),
        (_with("{fact: gone}"), "is 'gone', the label; a feature must not tell it"),
        (_with("{fact: seats}, on_missing: {default: 0}"), "on_missing goes with a metric; a fact that is not"),
        (_with("{fact: seats}, weight: 1"), "has no key 'weight'"),
        (_with("{metric: opened}", "seats"), "spec.features[1] repeats 'seats'"),
        (_with("{metric: opened}", "probability"), "is what is foreseen; give it"),
        (LEAST + "  drift: {shifted: 0.3}\n", "must have shifted below drifted, has 0.3 and 0.25"),
        (LEAST + "  fallback: [{when: seat > 1, probability: 0.5}]\n", "spec.fallback[0].when does not compile"),
        (LEAST + "  fallback: [{when: probability > 0.1, probability: 0.5}]\n", "does not compile"),
        (LEAST + "  fallback: [{when: seats > 1, probability: 1.5}]\n", "probability must be"),
        (LEAST + "  among: seat > 1\n", "spec.among does not compile"),
        (LEAST + "  among: probability > 0.1\n", "spec.among does not compile"),
        (LEAST + "  segments: [{name: a, when: seats > 1}]\n", "lacks the key 'intervention'"),
        (
            LEAST + "  segments:\n    - {name: a, when: seats > 1, intervention: x}\n"
            "    - {name: a, when: seats > 2, intervention: y}\n",
            "spec.segments[1].name repeats 'a'",
        ),
        (LEAST + "  minimum: {accounts: 10}\n", "accounts must be"),
        (LEAST + "  horizon: 30d\n", "has no key 'horizon'"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, told: str) -> None:
    """One problem for one mistake, with the field, the value and the way out."""
    with pytest.raises(RuleFileError) as caught:
        load_texts([("churn.yaml", FACTS + text)])
    assert len(caught.value.problems) == 1, str(caught.value)
    problem = caught.value.problems[0]
    assert told in problem.message
    assert problem.place.line > FACTS.count("\n")


def test_a_kpi_is_no_feature() -> None:
    """It is one of the whole business; what is there instead is named."""
    with pytest.raises(RuleFileError, match="has no key 'kpi'; a KPI is one of the whole business: take a metric, or"):
        load_texts([("churn.yaml", FACTS + _with("{kpi: opened}"))])


def test_a_metric_is_written_as_an_input_of_a_scoring_profile_is() -> None:
    """With what its windows come to and over which time; a fact may have another name; both are written back."""
    features = (
        "[seats, {name: size, from: {fact: size}}, {name: places, from: {fact: seats}},\n"
        "    {name: opens, from: {metric: opened, over: 7d, agg: sum}, on_missing: {default: 0}},\n"
        "    {name: last, from: {metric: opened, by: account_id}}]"
    )
    model = _loaded(LEAST.replace("[seats]", features) + "  fallback: [{when: opens < places, probability: 0.5}]\n")
    assert {one.name: (one.meaning, one.default) for one in model.features} == {
        "seats": ("fact seats", None),
        "size": ("fact size", None),
        "places": ("fact seats", None),
        "opens": ("sum of opened over 7d, else 0", 0.0),
        "last": ("last of opened", None),
    }
    text = write_document("ChurnModel", model)
    assert replace(_loaded(text), metadata=model.metadata) == model
    assert not list(Draft7Validator(schema_for("ChurnModel")).iter_errors(yaml.safe_load(text)))
    written = yaml.safe_load(text)["spec"]["features"]
    assert written[:2] == ["seats", "size"]
    assert written[3]["from"] == {"metric": "opened", "agg": "sum", "over": "7d", "by": ["account_id"]}


def test_segments_may_read_the_probability_and_their_conditions_are_asked_of_all_accounts() -> None:
    """What has no equal in SQL is refused when the file is read."""
    model = _loaded(LEAST + "  segments: [{name: a, when: probability > 0.2 and seats < 3, intervention: Call.}]\n")
    assert model.segments[0].when == "probability > 0.2 and seats < 3"
