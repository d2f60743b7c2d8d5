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
HEAD = "apiVersion: trueline/v1\nkind: ChurnModel\nmetadata: {name: small}\nspec:\n"
LEAST = HEAD + "  features: [seats]\n  label: {fact: gone}\n"


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
        (HEAD + "  features: [age]\n  label: {fact: gone}\n", "a fact of user; features are facts of account"),
        (HEAD + "  features: [since]\n  label: {fact: gone}\n", "a datetime; features are number, decimal, text, bool"),
        (HEAD + "  features: [seats, gone]\n  label: {fact: gone}\n", "the label; a feature must not tell it"),
        (HEAD + "  features: [seats]\n  label: {fact: size}\n", "is 'size', a number of account; it must be a bool"),
        (HEAD + "  features: [seats]\n  label: {roles: [leaving]}\n", "a role that no event mapping fills"),
        (HEAD + "  features: [seats]\n  label: {fact: gone, events: [x]}\n", "needs either 'fact' or 'events'"),
        (LEAST + "  drift: {shifted: 0.3}\n", "must have shifted below drifted, has 0.3 and 0.25"),
        (LEAST + "  fallback: [{when: seat > 1, probability: 0.5}]\n", "spec.fallback[0].when does not compile"),
        (LEAST + "  fallback: [{when: probability > 0.1, probability: 0.5}]\n", "does not compile"),
        (LEAST + "  fallback: [{when: seats > 1, probability: 1.5}]\n", "probability must be"),
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


def test_segments_may_read_the_probability_and_their_conditions_are_asked_of_all_accounts() -> None:
    """What has no equal in SQL is refused when the file is read."""
    model = _loaded(LEAST + "  segments: [{name: a, when: probability > 0.2 and seats < 3, intervention: Call.}]\n")
    assert model.segments[0].when == "probability > 0.2 and seats < 3"
