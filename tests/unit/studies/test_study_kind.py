"""The kind Study: what its documents become, and what is told about those that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.attribution_model import Selection
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_rules, load_texts
from trueline_rules.schema import schema_for
from trueline_rules.study_model import DealEvents, Previous, StudyModel, StudyType
from trueline_rules.writing import write_document

HEAD = "apiVersion: trueline/v1\nkind: Study\nmetadata: {name: own}\nspec:\n"
DEALS = "  deals: {renewed: {events: [renewed]}, ended: {events: [ended]}, deal: properties.deal}\n"
REVENUE = "  revenue: {payments: {roles: [payment]}}\n"
WHOLE = HEAD + "  type: renewal_rate\n" + DEALS + "  currency: EUR\n"
PACK = ("renewal_rate", "revenue_growth", "campaign_efficiency", "persona_impact")


def _loaded(text: str) -> StudyModel:
    study = load_texts([("own.yaml", text)]).documents["Study"]["own"]
    assert isinstance(study, StudyModel)
    return study


def test_a_small_document_has_the_defaults() -> None:
    """Values are those of the events, the period before is compared, at 95 % and from ten observations."""
    study = _loaded(WHOLE)

    assert study.deals == DealEvents(Selection(("renewed",)), Selection(("ended",)), "properties.deal")
    assert (study.previous, study.confidence, study.least) == (Previous.PERIOD, 0.95, 10)
    assert (study.breakdowns, study.rates, study.revenue) == ({}, {}, None)


@pytest.mark.parametrize("name", PACK)
def test_the_pack_has_the_four_studies(name: str) -> None:
    """Each is of the type that it is called after, written back it is the same, and its schema takes it."""
    rules = load_rules([])
    study = rules.documents["Study"][name]
    assert isinstance(study, StudyModel)
    assert study.type == StudyType(name)

    text = write_document("Study", study)
    again = load_texts([("again.yaml", text)]).documents["Study"][name]
    assert isinstance(again, StudyModel)
    assert replace(again, metadata=study.metadata) == study
    assert not list(Draft7Validator(schema_for("Study")).iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE.replace("renewal_rate", "renewals"), "spec.type is 'renewals'"),
        (WHOLE + REVENUE, "spec.revenue does not go with type renewal_rate, which looks at spec.deals"),
        (
            WHOLE.replace("renewal_rate", "revenue_growth").replace(DEALS, ""),
            "is revenue_growth, which needs spec.revenue",
        ),
        (WHOLE.replace("renewal_rate", "persona_impact"), "needs spec.breakdowns.persona"),
        (WHOLE.replace("properties.deal", "deal"), "spec.deals.deal"),
        (
            WHOLE.replace("deal: properties", "value: user_id, deal: properties"),
            "spec.deals.value must be value or properties",
        ),
        (WHOLE.replace("[renewed]", "'*'"), "not every event is one; name the events"),
        (WHOLE.replace("events: [renewed]", "roles: [renewd]"), "is 'renewd', a role that no event mapping fills"),
        (WHOLE + "  rates: {EUR: 1}\n", "spec.rates.EUR is the currency that amounts are told in"),
        (WHOLE + "  confidence: 95\n", "spec.confidence must be a number from 0.5 up to 0.9999"),
        (WHOLE + "  minimum_observations: 1\n", "spec.minimum_observations must be a whole number from 2"),
        (WHOLE + "  previous: quarter\n", "spec.previous is 'quarter'"),
        (WHOLE + "  breakdown: {}\n", "did you mean 'breakdowns'?"),
    ],
)
def test_a_mistake_is_told_with_its_field(text: str, message: str) -> None:
    """Each mistake is one problem, which names the field, the value and where it can, the way out."""
    with pytest.raises(RuleFileError) as caught:
        load_texts([("own.yaml", text)])

    assert len(caught.value.problems) == 1, str(caught.value)
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("study: renewal_rat", "did you mean 'renewal_rate'?"),
        ("study: renewal_rate, period: day", "spec.run.period is 'day'; known: month, quarter, week"),
        ("checkpoint: scaling, period: week", "spec.run.period is about a study, and this runs a checkpoint"),
    ],
)
def test_a_schedule_of_a_study_is_checked(run: str, message: str) -> None:
    """It names a study that there is, and a period that it knows."""
    head = "apiVersion: trueline/v1\nkind: Schedule\nmetadata: {name: s}\n"
    with pytest.raises(RuleFileError, match=r"spec\.run") as caught:
        load_texts([("s.yaml", f"{head}spec: {{cron: 0 6 1 * *, run: {{{run}}}}}\n")])

    assert message in str(caught.value)
