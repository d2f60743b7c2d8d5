"""The default pack: it loads, agrees with the schemas, and has the numbers of the seed."""

from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.analysis.findings import analyse
from trueline_rules.kinds import KINDS
from trueline_rules.loader import load_rules
from trueline_rules.model import ANY, Aggregation, Direction, Role
from trueline_rules.schema import schema_for
from trueline_rules.testing.report import Outcome
from trueline_rules.testing.runner import run_tests

FILES = sorted(entry.name for entry in (resources.files("trueline_rules") / "packs").iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_sound(kind: str) -> None:
    """Each schema is one that its draft allows, and is closed to unknown keys."""
    schema = schema_for(kind)
    Draft7Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_an_unknown_kind_has_no_schema() -> None:
    """Asking for the schema of an unknown kind names the nearest one."""
    with pytest.raises(KeyError, match="did you mean 'Scorecard'"):
        schema_for("ScoreCard")


@pytest.mark.parametrize("name", FILES)
def test_schemas_accept_the_pack(name: str) -> None:
    """What loads is valid by the schema of its kind."""
    text = (resources.files("trueline_rules") / "packs" / name).read_text(encoding="utf-8")
    for document in yaml.safe_load_all(text):
        errors = [error.message for error in Draft7Validator(schema_for(document["kind"])).iter_errors(document)]
        assert errors == []


def test_the_scorecard_has_the_weights_and_bands_of_the_seed() -> None:
    """The alignment score weighs the eight KPIs as the seed says."""
    scorecard = load_rules([]).scorecards["alignment"]
    assert scorecard.weights == {
        "d7_retention": 20,
        "activation_rate": 15,
        "d30_retention": 15,
        "ltv_cac": 15,
        "signup_to_activation": 10,
        "growth_mom": 10,
        "churn_rate": 10,
        "viral_coefficient": 5,
    }
    assert (scorecard.on_track, scorecard.at_risk) == (80, 50)


def test_the_kpis_have_the_targets_of_the_seed() -> None:
    """Each target is the seed's; the one that the seed does not state says that it is assumed."""
    kpis = load_rules([]).kpis
    targets = {name: kpis[name].target for name in load_rules([]).scorecards["alignment"].weights}
    assert targets == {
        "d7_retention": 0.25,
        "activation_rate": 0.40,
        "d30_retention": 0.15,
        "ltv_cac": 4.0,
        "signup_to_activation": 0.40,
        "growth_mom": 0.15,
        "churn_rate": 0.05,
        "viral_coefficient": 0.5,
    }
    assert kpis["churn_rate"].direction is Direction.LOWER
    # A ratio with a target below 1 is shown as a percentage, which this number is not.
    assert kpis["viral_coefficient"].unit == "invitees per inviter"
    assert kpis["signup_to_activation"].basis == "assumed"


def test_data_quality_has_five_checks_of_equal_weight() -> None:
    """The seed's five checks weigh the same, and its bands are 100 and 80."""
    scorecard = load_rules([]).scorecards["data_quality"]
    assert list(scorecard.weights) == ["orphaned_events", "duplicate_users", "missing_fields", "freshness", "anomalies"]
    assert len(set(scorecard.weights.values())) == 1
    assert (scorecard.on_track, scorecard.at_risk) == (100, 80)
    assert scorecard.metadata.labels == {"basis": "assumed"}


def test_the_operational_metrics_of_the_seed_are_there() -> None:
    """Active users 1 h and 24 h, events per minute, and four counts and sums over 24 h."""
    rules = load_rules([])
    told = {
        name: (rules.metrics[name].aggregation, rules.metrics[name].window.text, rules.metrics[name].step.text)
        for name, metric in rules.metrics.items()
        if metric.metadata.labels.get("panel") == "operations"
    }
    assert told == {
        "active_users_1h": (Aggregation.COUNT_DISTINCT, "1h", "5m"),
        "active_users_24h": (Aggregation.COUNT_DISTINCT, "24h", "5m"),
        "events_per_minute": (Aggregation.COUNT, "1m", "1m"),
        "workflows_created_24h": (Aggregation.COUNT, "24h", "5m"),
        "suggestions_applied_24h": (Aggregation.COUNT, "24h", "5m"),
        "subscriptions_24h": (Aggregation.COUNT, "24h", "5m"),
        "revenue_24h": (Aggregation.SUM, "24h", "5m"),
    }
    assert rules.events_of(rules.metrics["events_per_minute"]) == (ANY,)
    assert rules.events_of(rules.metrics["revenue_24h"]) == ("payment_succeeded", "payment_refunded")


def test_every_aggregation_has_a_metric_or_an_example() -> None:
    """Somebody who copies from the pack finds a quantile, a latest value, a group and a calendar window."""
    metrics = load_rules([]).metrics.values()
    assert {Aggregation.QUANTILE, Aggregation.LATEST} <= {metric.aggregation for metric in metrics}
    assert {metric.window.calendar for metric in metrics} == {"", "week", "month"}
    assert any(metric.group_by for metric in metrics)


def test_no_role_of_the_pack_is_without_events() -> None:
    """Every metric of the pack has events with the mapping of the pack, and activation is the first workflow."""
    rules = load_rules([])
    assert rules.mapping.metadata.name == "podcast"
    assert all(rules.events_of(metric) for metric in rules.metrics.values())
    assert rules.mapping.roles["activation"] == Role(("workflow_created",), 1)
    assert "marketing_spend" not in rules.mapping.roles["activity"].events


def test_every_document_of_the_pack_says_what_it_means() -> None:
    """Each document has a description (a test has one for each case), and its place is a file of the package."""
    rules = load_rules([])
    for kind, documents in rules.documents.items():
        for document in documents.values():
            assert document.metadata.description or kind == "RuleTest"
            assert document.metadata.place.file.startswith("trueline_rules/packs/")


def test_places_of_the_pack_are_lines_of_its_files() -> None:
    """Documents of one file stand in the order of its lines."""
    places = [metric.metadata.place for metric in load_rules([]).metrics.values()]
    files = {Path(place.file).name: [one for one in places if one.file == place.file] for place in places}
    assert files.keys() == {"metrics.yaml", "scoring_accounts.yaml"}
    assert all(one.line < other.line for own in files.values() for one, other in pairwise(own))


def test_the_alert_rules_have_the_limits_of_the_seed() -> None:
    """Warning and critical of each KPI are the seed's."""
    rules = {name: rule for name, rule in load_rules([]).alert_rules.items() if "kpis" in rule.metadata.labels.values()}
    assert {name: (rule.warning, rule.critical) for name, rule in rules.items()} == {
        "activation_rate_low": ("activation_rate < 0.30", "activation_rate < 0.20"),
        "d7_retention_low": ("d7_retention < 0.20", "d7_retention < 0.15"),
        "d30_retention_low": ("d30_retention < 0.12", "d30_retention < 0.08"),
        "churn_rate_high": ("churn_rate > 0.07", "churn_rate > 0.10"),
        "ltv_cac_low": ("ltv_cac < 3", "ltv_cac < 2"),
    }


def test_the_tests_of_the_pack_pass_and_take_every_branch() -> None:
    """Each alert rule of the pack has cases in which it fires and in which it does not, and no branch is left out."""
    report = run_tests(load_rules([]))
    assert [result for result in report.results if result.outcome is not Outcome.PASS] == []
    assert [(rule.rule, rule.gaps) for rule in report.coverage if rule.gaps] == []
    assert {rule.rule for rule in report.coverage} == set(load_rules([]).alert_rules)


def test_the_analysis_finds_nothing_in_the_pack() -> None:
    """No threshold of the pack is out of order."""
    assert analyse(load_rules([])) == []


def test_facts_of_checkpoints_are_read() -> None:
    """The analysis says nothing of facts of the pack, which others may read, too; these nobody else would."""
    unused = [found for found in analyse(replace(load_rules([]), origins={})) if found.check == "unused"]
    assert "checkpoints.yaml" not in {found.place.file.rpartition("/")[2] for found in unused}
