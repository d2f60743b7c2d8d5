"""The kind ScoringProfile: what its documents become, and what is told, with its place, about those that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from jsonschema import Draft7Validator
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.operands import Operand, WindowStart
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_texts
from trueline_rules.schema import schema_for
from trueline_rules.scoring_conditions import compile_advice
from trueline_rules.scoring_model import InputType, OnMissing, ScoringProfile, Subject
from trueline_rules.writing import write_document
from trueline_server.scoring.profiles import compile_profile

DAY_US = 86_400_000_000
FEATURES = """\
apiVersion: trueline/v1
kind: ScoringProfile
metadata: {name: toys}
spec:
  subject: feature
  basis: assumed
  dimensions:
    fun:
      title: Fun
      inputs:
        laughs: {unit: laughs/day, range: [0, 10], curve: [[0, 0], [5, 80], [10, 100]], weight: 0.75, basis: seed}
        colour: {values: {red: 100, grey: 20}, weight: 0.25, on_missing: {default: grey}}
    care:
      inputs:
        noise: {range: [0, 1], curve: falling, weight: 0.5, on_missing: required}
        washable: {flags: {true: 100, false: 10}, weight: 0.5}
  personas:
    child: {weights: {fun: 1, care: 0}}
    parent: {description: Pays., weights: {fun: 0.3, care: 0.7}, basis: assumed}
  bands: {great: 70, fair: 40, poor: 0}
  concerns:
    - {name: loud, personas: [parent], when: noise > 0.5 and fun < 90, text: It is loud., basis: assumed}
  recommendations:
    - {name: paint, when: "colour == 'grey' and overall < 50", text: Paint it.}
"""
FACTS = """\
apiVersion: trueline/v1
kind: FactType
metadata: {name: logins}
spec: {subject: account, type: number}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: kind_of_user}
spec: {subject: account, type: text}
---
apiVersion: trueline/v1
kind: FactType
metadata: {name: users_name}
spec: {subject: user, type: text}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: active}
spec: {unit: days, events: [seen], aggregation: count, group_by: [account_id], window: 1d}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: seen_by_plan}
spec: {unit: days, events: [seen], aggregation: count, group_by: [properties.plan], window: 1d}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: seen_lately}
spec: {unit: days, events: [seen], aggregation: count, window: 1d, step: 1h}
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: usual_size}
spec: {events: [seen], aggregation: quantile, quantile: 0.5, field: value, window: 1d}
---
"""
ACCOUNTS = """\
apiVersion: trueline/v1
kind: ScoringProfile
metadata: {name: health}
spec:
  subject: account
  dimensions:
    activity:
      inputs:
        logins: {range: [0, 30], weight: 0.5, from: {fact: logins}}
        active_days:
          range: [0, 30]
          weight: 0.5
          from: {metric: active, over: 30d, agg: sum, by: account_id}
  personas:
    default: {weights: {activity: 1}}
  persona_from: {fact: kind_of_user}
  bands: {healthy: 80, critical: 0}
  minimum_coverage: 0.3
  trend: 14d
"""


def _loaded(text: str, name: str = "toys") -> ScoringProfile:
    profile = load_texts([("p.yaml", text)], default_pack=True).documents["ScoringProfile"][name]
    assert isinstance(profile, ScoringProfile)
    return profile


def _problems(text: str) -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        load_texts([("p.yaml", text)])
    return [f"{one.place.line}:{one.place.column} {one.message}" for one in caught.value.problems]


def test_a_profile_of_features() -> None:
    """Inputs are numbers, texts or flags; curves are points; what is left out is as the schema says."""
    profile = _loaded(FEATURES)
    laughs, colour, noise, washable = profile.inputs.values()
    assert (laughs.type, laughs.range, laughs.points) == (InputType.NUMBER, (0, 10), ((0, 0), (5, 80), (10, 100)))
    assert (colour.type, colour.on_missing, colour.default) == (InputType.TEXT, OnMissing.DEFAULT, "grey")
    assert (noise.points, noise.on_missing) == (((0, 100), (1, 0)), OnMissing.REQUIRED)
    assert (washable.type, washable.flags, washable.on_missing) == (InputType.FLAG, (10, 100), OnMissing.DROP)
    assert [one.title for one in profile.dimensions.values()] == ["Fun", "care"]
    compiled = compile_profile(profile, "r")
    assert [compiled.band((score, score)) for score in (100, 70, 69.9, 0)] == ["great", "great", "fair", "poor"]


def test_a_profile_of_accounts() -> None:
    """Inputs come from facts and from metrics, whatever these are grouped by; the label need not be written."""
    profile = _loaded(FACTS + ACCOUNTS, "health")
    logins, days = profile.inputs.values()
    assert logins.source is not None
    assert (logins.source.kind, logins.source.name) == ("fact", "logins")
    assert days.source is not None
    by_account = Operand(Agg.SUM, over_us=30 * DAY_US, by=("account_id",), start=WindowStart.LEFT_OPEN)
    assert days.source.operand == by_account
    assert (profile.subject, profile.persona_fact) == (Subject.ACCOUNT, "kind_of_user")
    assert (profile.minimum_coverage, profile.trend_us) == (0.3, 14 * DAY_US)
    assert _loaded(FACTS + ACCOUNTS.replace(", by: account_id", ""), "health") == profile
    assert _loaded(FACTS + ACCOUNTS.replace("by: account_id", "by: [account_id]"), "health") == profile
    assert _loaded(FACTS + ACCOUNTS.replace("metric: active", "metric: seen_by_plan"), "health").inputs


@pytest.mark.parametrize(
    ("text", "name"), [(FEATURES, "toys"), (FACTS + ACCOUNTS, "health")], ids=["features", "accounts"]
)
def test_a_document_is_written_as_it_was_read(text: str, name: str) -> None:
    """Written back and read again it is the same, and editors accept both."""
    profile = _loaded(text, name)
    written = write_document("ScoringProfile", profile)
    facts = FACTS if name == "health" else ""
    assert replace(_loaded(facts + written, name), metadata=profile.metadata) == profile
    # Editors see the keys of flags as texts.
    schema = Draft7Validator(schema_for("ScoringProfile"))
    for document in (
        text.rsplit("---\n", maxsplit=1)[-1].replace("true:", "'true':").replace("false:", "'false':"),
        written,
    ):
        assert [error.message for error in schema.iter_errors(yaml.safe_load(document))] == []


def test_conditions_read_inputs_scores_and_whom_it_is_for() -> None:
    """A condition over values that are missing is unknown."""
    (concern,), (recommendation,) = compile_advice(_loaded(FEATURES))
    assert concern.condition.evaluate({"noise": 0.7, "fun": 50.0}) is True
    assert concern.condition.evaluate({"fun": 50.0}) is None
    assert (concern.is_for("parent"), concern.is_for("child"), recommendation.is_for("child")) == (True, False, True)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        pytest.param(
            "child: {weights: {fun: 1, care: 0}}",
            "child: {weights: {fun: 0.5, care: 0.4}}",
            "18:13 spec.personas.child.weights adds up to 0.9; make them add up to 1",
            id="weights that do not sum",
        ),
        pytest.param(
            "weight: 0.75",
            "weight: 0.5",
            "10:7 spec.dimensions.fun.inputs has weights of its inputs that add up to 0.75; make them add up to 1",
            id="weights of inputs",
        ),
        pytest.param(
            "{fun: 1, care: 0}",
            "{fun: 0.9999999, care: 0.0000001}",
            "18:45 spec.personas.child.weights.care is 1e-07, too little to compute with; write 0 if it does not "
            "count, or 1e-06 or more",
            id="weight next to nothing",
        ),
        pytest.param(
            "{fun: 1, care: 0}",
            "{fun: 1}",
            "18:13 spec.personas.child.weights lacks care; write 0 for a dimension that does not count",
            id="dimension that is not weighed",
        ),
        pytest.param(
            "{fun: 1, care: 0}",
            "{fun: 1, car: 0}",
            "18:31 spec.personas.child.weights.car is no dimension; did you mean 'care'?",
            id="unknown dimension",
        ),
        pytest.param(
            "[5, 80], [10, 100]",
            "[5, 80], [10, 70]",
            "11:77 spec.dimensions.fun.inputs.laughs.curve[2] falls from 80 to 70, but the curve rises before; it must "
            "only rise or only fall",
            id="curve that turns",
        ),
        pytest.param(
            "[5, 80], [10, 100]",
            "[5, 80], [12, 100]",
            "11:77 spec.dimensions.fun.inputs.laughs.curve[2] has the value 12, which is outside the range [0, 10]",
            id="curve outside the range",
        ),
        pytest.param(
            "[5, 80], [10, 100]",
            "[5, 80], [5, 100]",
            "11:77 spec.dimensions.fun.inputs.laughs.curve[2] has the value 5 after 5; values ascend",
            id="values of a curve that do not ascend",
        ),
        pytest.param(
            "[10, 100]]",
            "[10, 101]]",
            "11:77 spec.dimensions.fun.inputs.laughs.curve[2] has the score 101; scores are from 0 to 100",
            id="score beyond 100",
        ),
        pytest.param(
            "noise: {range: [0, 1]",
            "noise: {range: [1, 0]",
            "15:24 spec.dimensions.care.inputs.noise.range must ascend, is [1, 0]; write [0, 1]",
            id="range turned round",
        ),
        pytest.param(
            "noise > 0.5",
            "nois > 0.5",
            "22:46 spec.concerns[0].when does not compile: unknown fact 'nois'; did you mean 'noise'?",
            id="unknown input in a condition",
        ),
        pytest.param(
            "washable:",
            "laughs:",
            "16:9 spec.dimensions.care.inputs.laughs is the name of an input of fun, too; choose another name",
            id="input of two dimensions",
        ),
        pytest.param(
            "washable:",
            "overall:",
            "16:9 spec.dimensions.care.inputs.overall is a name that conditions have anyway, too; choose another name",
            id="name that conditions have",
        ),
        pytest.param(
            "fair: 40",
            "fair: 75",
            "20:28 spec.bands.fair is from 75, but great above it is from 70; bands descend, the best first",
            id="bands that do not descend",
        ),
        pytest.param(
            "poor: 0}",
            "poor: 5}",
            "20:3 spec.bands has no band from 0; give the lowest one the score 0",
            id="no band from 0",
        ),
        pytest.param(
            "default: grey",
            "default: gray",
            "12:84 spec.dimensions.fun.inputs.colour.on_missing.default must be one of the values, is 'gray'; did you "
            "mean 'grey'?",
            id="default that is no value",
        ),
        pytest.param(
            "personas: [parent]",
            "personas: [parents]",
            "22:31 spec.concerns[0].personas[0] is 'parents', which is no persona; did you mean 'parent'?",
            id="unknown persona",
        ),
        pytest.param(
            "{true: 100, false: 10}",
            "{true: 100}",
            "16:27 spec.dimensions.care.inputs.washable.flags must be the scores of both, {true: 100, false: 0}, "
            "lacks one",
            id="flag without a score of false",
        ),
        pytest.param(
            "values: {red: 100, grey: 20}, ",
            "values: {red: 100, grey: 20}, unit: cm, ",
            "12:48 spec.dimensions.fun.inputs.colour.unit goes with a range, not with values",
            id="unit of a text",
        ),
        pytest.param(
            "bands:",
            "trend: 7d\n  bands:",
            "20:3 spec.trend is for accounts, and this profile is of features",
            id="trend of features",
        ),
        pytest.param(
            "noise: {range: [0, 1]",
            "noise: {from: {fact: noise}, range: [0, 1]",
            "15:17 spec.dimensions.care.inputs.noise.from is for accounts; the inputs of a feature are given",
            id="source of a feature's input",
        ),
    ],
)
def test_a_profile_of_features_that_is_wrong(before: str, after: str, message: str) -> None:
    """Each mistake is told with its place, what is there and what to write."""
    assert before in FEATURES
    assert _problems(FEATURES.replace(before, after)) == [message]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        pytest.param(
            "{fact: logins}",
            "{fact: login}",
            "'login', but there is no FactType of that name; did you mean 'logins'?",
            id="unknown fact",
        ),
        pytest.param(
            "{fact: logins}",
            "{fact: users_name}",
            "is 'users_name', a fact of the subject user, not account",
            id="fact of another subject",
        ),
        pytest.param(
            "{fact: logins}",
            "{fact: kind_of_user}",
            "is 'kind_of_user', whose values are of the type text; range needs number or decimal",
            id="fact of another type",
        ),
        pytest.param(
            "{fact: logins}",
            "{fact: logins, over: 1d}",
            "over goes with a metric; of a fact the last",
            id="fact over time",
        ),
        pytest.param(
            "metric: active",
            "metric: seen_lately",
            "is 'seen_lately', whose windows of 1d overlap; take one whose windows do not",
            id="metric whose windows overlap",
        ),
        pytest.param("metric: active", "metric: usual_size", "is 'usual_size', a quantile", id="quantile of a metric"),
        pytest.param("agg: sum", "agg: rate", "of which rate is taken; take last, avg", id="rate of a metric"),
        pytest.param("by: account_id", "by: plan", "from.by must be account_id, is 'plan'", id="by another label"),
        pytest.param(
            ", from: {fact: logins}",
            "",
            "inputs.logins.from lacks the key 'from': accounts give no inputs",
            id="no source",
        ),
        pytest.param(
            "default: {weights",
            "pro: {weights",
            "spec.personas lacks default, the weights for accounts of no",
            id="default",
        ),
        pytest.param(
            "persona_from: {fact: kind_of_user}",
            "persona_from: {fact: logins}",
            "is 'logins', a number of the subject account; it must be a text of accounts",
            id="persona that is no text",
        ),
    ],
)
def test_a_profile_of_accounts_that_is_wrong(before: str, after: str, message: str) -> None:
    """Sources are checked against the facts and metrics that there are."""
    assert before in ACCOUNTS
    (told,) = _problems(FACTS + ACCOUNTS.replace(before, after))
    assert message in told
