"""Scores of features end to end: the example of the product with every number explained, through server and SDK."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline import (
    AsyncTruelineClient,
    DeadlineExceededError,
    Feature,
    FeatureScore,
    InputSource,
    InvalidRequestError,
    NotFoundError,
    RoadmapItem,
    TruelineClient,
)

from benchmarks.server_process import ServerProcess

KNOWN = {
    "estimated_revenue_impact": 20000,
    "conversion_potential": 0.85,
    "complexity": 0.7,
    "ui_complexity": 0.3,
    "time_savings_hours_per_month": 15,
}
EASY = {**KNOWN, "complexity": 0.1, "ui_complexity": 0.1}
STRICT = """\
apiVersion: trueline/v1
kind: ScoringProfile
metadata: {name: strict}
spec:
  subject: feature
  dimensions:
    d:
      inputs:
        size: {range: [0, 10], weight: 0.5, on_missing: required}
        colour: {values: {red: 100, grey: 20}, weight: 0.25, on_missing: {default: grey}}
        washable: {flags: {true: 100, false: 0}, weight: 0.25}
  personas: {p: {weights: {d: 1}}}
  bands: {good: 50, bad: 0}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the pack and a profile whose inputs are of every type."""
    folder = tmp_path_factory.mktemp("scoring")
    (folder / "strict.yaml").write_text(STRICT)
    with ServerProcess(folder, {"TRUELINE_RULES": str(folder / "strict.yaml")}) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TruelineClient]:
    """A client of it."""
    with TruelineClient(server.address) as made:
        yield made


def test_the_example_with_every_number_explained(client: TruelineClient) -> None:
    """Value, curve, share and points of each input; dimensions; personas; the mean over them."""
    score = client.score_feature("advanced_attribution", KNOWN, name="Advanced Attribution")
    roi, workload, ease, value = score.dimensions.values()
    # 20,000 lie a quarter of the way from 10,000 (50 points) to 50,000 (90); of the weights 0.4 and 0.25 are known.
    assert [(one.value, one.source) for one in roi.inputs] == [
        ("20000 USD/month", InputSource.GIVEN),
        ("0.85", InputSource.GIVEN),
        ("", InputSource.DROPPED),
        ("", InputSource.DROPPED),
    ]
    assert [one.score and one.score.value for one in roi.inputs] == [60, 85, None, None]
    assert [one.share for one in roi.inputs] == pytest.approx([0.4 / 0.65, 0.25 / 0.65, 0, 0])
    assert roi.coverage == pytest.approx(0.65)
    assert _middle(roi) == pytest.approx((0.4 * 60 + 0.25 * 85) / 0.65)
    # Seven tenths of all complexity leave three; 15 hours lie two thirds of the way from 5 (40 points) to 20 (80).
    assert (_middle(workload), _middle(ease)) == (pytest.approx(30), pytest.approx(70))
    assert _middle(value) == pytest.approx(40 + 40 * 10 / 15)
    for persona in score.personas.values():
        parts = [score.dimensions[name].score for name in persona.weights]
        total = sum(weight.weight for weight in persona.weights.values())
        assert total == pytest.approx(1)
        points = [part.middle * one.share for part, one in zip(parts, persona.weights.values(), strict=True) if part]
        assert persona.overall is not None
        assert persona.overall.value == pytest.approx(sum(points))
    overall = {name: one.overall.value for name, one in score.personas.items() if one.overall and one.overall.value}
    expected = 0.15 * _middle(roi) + 0.25 * 30 + 0.4 * 70 + 0.2 * _middle(value)
    assert overall["solo_podcaster"] == pytest.approx(expected)
    assert score.overall is not None
    assert score.overall.value == pytest.approx(sum(overall.values()) / 6)
    # A brand wants return most, and an admin little work.
    assert max(overall, key=overall.__getitem__) == "brand"
    assert min(overall, key=overall.__getitem__) == "platform_admin"
    worries = {name: [one.name for one in persona.concerns] for name, persona in score.personas.items()}
    assert worries["platform_admin"] == ["more_work", "hard_to_integrate"]
    (hard,) = (one for one in score.personas["platform_admin"].concerns if one.name == "hard_to_integrate")
    assert hard.reason == "complexity > 0.6: complexity is 0.7"
    assert (score.profile, score.dimensions_without_inputs) == ("features", ())


def test_ranges_contain_points_and_dropped_dimensions_are_named(client: TruelineClient) -> None:
    """What is not known widens or lowers the coverage, and is told."""
    unsure = client.score_feature("f", {**KNOWN, "conversion_potential": (0.6, 0.9)}, personas=["agency"])
    sure = client.score_feature("f", KNOWN, personas=["agency"])
    assert unsure.overall is not None
    assert sure.overall is not None
    assert unsure.overall.value is None
    assert unsure.overall.low < (sure.overall.value or 0) < unsure.overall.high
    little = client.score_feature("f", {"complexity": 0.7})
    assert little.dimensions_without_inputs == ("roi_potential", "ease_of_use", "value_creation")
    assert little.personas["agency"].weights["workload"].share == 1
    nothing = client.score_feature("f", {})
    assert (nothing.overall, nothing.coverage) == (None, 0)
    assert {one.band for one in nothing.personas.values()} == {""}


def test_inputs_of_every_type(client: TruelineClient) -> None:
    """A default tells where it is from."""
    score = client.score_feature("f", {"size": 5, "washable": True}, profile="strict")
    size, colour, washable = score.dimensions["d"].inputs
    assert (size.value, colour.value, washable.value) == ("5", "grey", "true")
    assert (colour.source, colour.origin) == (InputSource.DEFAULT, "default of the profile strict")
    assert score.overall is not None
    assert score.overall.value == pytest.approx(0.5 * 50 + 0.25 * 20 + 0.25 * 100)


def test_bad_input_is_told_with_its_field(client: TruelineClient) -> None:
    """What it is, what is wrong with it, what would do."""
    with pytest.raises(InvalidRequestError) as caught:
        client.score_feature("f", {"complexity": 1.5, "complexty": 0.1, "ui_complexity": math.nan})
    assert [(one.field, one.description.split(";")[0]) for one in caught.value.violations] == [
        ("feature.inputs[0]", "'complexity' is 1.5, out of its range"),
        ("feature.inputs[1].name", "'complexty' is no input of the scoring profile 'features'"),
        ("feature.inputs[2]", "'ui_complexity' is no number (NaN)"),
    ]
    for inputs, told in (
        ({"complexity": (0.9, 0.1)}, "is turned round"),
        ({"complexity": "hard"}, "is the text 'hard'"),
        ({"complexity": True}, "is true; give a number"),
    ):
        with pytest.raises(InvalidRequestError, match=told):
            client.score_feature("f", inputs)
    with pytest.raises(InvalidRequestError) as missing:
        client.score_feature("f", {}, profile="strict")
    assert (missing.value.reason, missing.value.metadata["inputs"]) == ("MISSING_INPUT", "size")
    with pytest.raises(NotFoundError) as unknown:
        client.score_feature("f", KNOWN, personas=["agencys"])
    assert (unknown.value.reason, unknown.value.metadata["nearest"]) == ("UNKNOWN_PERSONA", "agency")
    with pytest.raises(NotFoundError) as profile:
        client.compare_features([Feature("a", KNOWN), Feature("b", EASY)], profile="feature")
    assert (profile.value.reason, profile.value.metadata["nearest"]) == ("UNKNOWN_SCORING_PROFILE", "features")
    with pytest.raises(InvalidRequestError, match="has 1 numbers; a range is"):
        client.score_feature("f", {"complexity": [1]})  # type: ignore[dict-item]


def test_features_are_compared(client: TruelineClient) -> None:
    """Who is better for everybody, and what would change the order; the scores are those of one by one."""
    found = client.compare_features([Feature("hard", KNOWN), Feature("easy", EASY)])
    assert found.dominances == (("easy", "hard"),)
    assert found.scores["hard"] == client.score_feature("hard", KNOWN)
    for ranking in found.rankings.values():
        assert [(one.rank, one.feature_id, one.certain) for one in ranking.features] == [
            (1, "easy", True),
            (2, "hard", False),
        ]
        (change,) = ranking.changes
        assert (change.feature_id, change.above) == ("hard", "easy")
        assert change.gap > 0
    with pytest.raises(InvalidRequestError, match="at least two"):
        client.compare_features([Feature("a", KNOWN)])
    twice = r"features\[1\].feature_id is 'a', as features\[0\].feature_id is; name each"
    with pytest.raises(InvalidRequestError, match=twice):
        client.compare_features([Feature("a", KNOWN), Feature("a", EASY)])


def test_a_roadmap_whose_call_is_over_is_no_other_roadmap(client: TruelineClient) -> None:
    """The search ends with its call, if not to the millisecond; the server then answers others."""
    draw = random.Random(3)
    hard = []
    for number in range(100):
        effort = draw.uniform(1, 9)
        saved = {"time_savings_hours_per_month": 3 + 2 * effort + draw.uniform(0, 1), "complexity": draw.random()}
        hard.append(RoadmapItem(f"f{number:02}", saved, effort))
    for _ in range(3):
        with pytest.raises(DeadlineExceededError, match=r"took longer than 0|there was no answer within 0"):
            client.score_roadmap(hard, [30.0] * 12, timeout=0.6)
    assert client.score_roadmap(hard[:3], [30.0]).features[0].period == 1


def test_a_roadmap_under_capacity(client: TruelineClient) -> None:
    """The better one first, the other after it; what never fits is told; circles are refused."""
    items = [
        RoadmapItem("easy", EASY, effort=3),
        RoadmapItem("hard", KNOWN, effort=3),
        RoadmapItem("huge", EASY, effort=9),
        RoadmapItem("unknown", {}, effort=1),
    ]
    found = client.score_roadmap(items, [4, 3], personas={"agency": 2, "brand": 1})
    assert {one.feature_id: one.period for one in found.features} == {"easy": 1, "unknown": 1, "hard": 2, "huge": 0}
    told = {one.feature_id: one.reason for one in found.features}
    assert told["huge"] == "takes 9, more than any period can have, which is 4 at most"
    assert told["hard"] == "takes 3, and period 1 has 0 left"
    assert found.bound == pytest.approx(found.total)
    for one in found.features:
        score = 0.0 if one.score is None else one.score.middle
        assert one.lost == pytest.approx(score * ((one.period or 3) - 1))
    assert [(one.number, one.capacity, one.used) for one in found.periods] == [(1, 4, 4), (2, 3, 3)]
    with pytest.raises(InvalidRequestError, match="makes a circle: 'a' after 'b' after 'a'"):
        client.score_roadmap(
            [RoadmapItem("a", KNOWN, 1, after=("b",)), RoadmapItem("b", KNOWN, 1, after=("a",))], [1, 1]
        )
    for wrong, told_of in ((0.0, "effort of 'a' is 0"), (math.nan, "effort of 'a' is nan")):
        with pytest.raises(InvalidRequestError, match=told_of):
            client.score_roadmap([RoadmapItem("a", KNOWN, wrong)], [1])
    with pytest.raises(InvalidRequestError, match=r"capacities\[0\] is -1"):
        client.score_roadmap([RoadmapItem("a", KNOWN, 1)], [-1])


def test_profiles_are_listed(client: TruelineClient) -> None:
    """With the values that inputs take, and what of it is assumed."""
    profiles = {one.name: one for one in client.list_scoring_profiles("feature")}
    pack = profiles["features"]
    assert {"features", "strict"} <= profiles.keys()
    assert len(pack.personas) == 6
    assert pack.assumed_personas == pack.personas.keys()
    revenue = pack.dimensions[0].inputs[0]
    assert (revenue.least, revenue.most, revenue.unit) == (0, 100_000, "USD/month")
    assert revenue.curve == "0 -> 0, 10000 -> 50, 50000 -> 90, 100000 -> 100"
    colour = profiles["strict"].dimensions[0].inputs[1]
    assert (colour.curve, colour.on_missing, colour.least) == ("red -> 100, grey -> 20", "default grey", None)
    with pytest.raises(InvalidRequestError, match="did you mean 'feature'"):
        client.list_scoring_profiles("features")


def test_the_async_client_answers_the_same(server: ServerProcess, client: TruelineClient) -> None:
    """All four calls."""

    async def ask() -> tuple[FeatureScore, object, object, object]:
        async with AsyncTruelineClient(server.address) as other:
            return (
                await other.score_feature("f", KNOWN),
                await other.compare_features([Feature("a", KNOWN), Feature("b", EASY)]),
                await other.score_roadmap([RoadmapItem("a", KNOWN, 1)], [1]),
                await other.list_scoring_profiles(),
            )

    assert asyncio.run(ask()) == (
        client.score_feature("f", KNOWN),
        client.compare_features([Feature("a", KNOWN), Feature("b", EASY)]),
        client.score_roadmap([RoadmapItem("a", KNOWN, 1)], [1]),
        client.list_scoring_profiles(),
    )


def test_the_command_line_reads_well(server: ServerProcess, tmp_path: Path) -> None:
    """Tables of 80 columns in which every number can be followed, JSON, CSV, and words for what is wrong."""
    inputs = json.dumps({**KNOWN, "conversion_potential": [0.6, 0.9]})
    file = tmp_path / "features.yml"
    file.write_text(
        f"features:\n- {{id: advanced_attribution, effort: 3, inputs: {inputs}}}\n"
        f"- {{id: easy, effort: 2, inputs: {json.dumps(EASY)}, after: [advanced_attribution]}}\ncapacities: [3, 3]\n"
    )
    told = _run(server, str(file), "--explain")
    assert max(map(len, told.splitlines())) <= 80
    for part in (
        "ROI potential: 60.0…71.5",
        "20000 USD/month",
        "what would change it most",
        "because complexity > 0.6",
    ):
        assert part in told
    compared = _run(server, str(file), "--compare", "--persona", "agency")
    assert max(map(len, compared.splitlines())) <= 80
    assert "below easy; no input alone makes up for it" in " ".join(compared.split())
    near = tmp_path / "near.json"
    inputs = json.dumps({**KNOWN, "complexity": 0.6})
    near.write_text(
        f'{{"features": [{{"id": "a", "inputs": {json.dumps(KNOWN)}}}, {{"id": "b", "inputs": {inputs}}}]}}'
    )
    compared = _run(server, str(near), "--compare", "--persona", "agency")
    # 1.5 points are 1.5 / 0.35 of value creation, of which an hour saved is worth 40 / 15.
    assert "1.5 below b; level with time_savings_hours_per_month at 16.6 (now" in " ".join(compared.split())
    unsure = json.dumps({**KNOWN, "complexity": [0.4, 0.8]})
    near.write_text(
        f'{{"features": [{{"id": "a", "inputs": {json.dumps(KNOWN)}}}, {{"id": "b", "inputs": {unsure}}}]}}'
    )
    compared = _run(server, str(near), "--compare", "--persona", "agency")
    assert "below b, not surely: ranges overlap; level with" in " ".join(compared.split())
    planned = _run(server, str(file), "--roadmap")
    assert "comes after advanced_attribution, which is built in period 1" in planned
    scores = json.loads(_run(server, str(file), "--output", "json"))
    assert [one["feature_id"] for one in scores] == ["advanced_attribution", "easy"]
    rows = list(csv.DictReader(io.StringIO(_run(server, str(file), "--output", "csv"))))
    assert len(rows) == 12
    assert float(rows[0]["roi_potential_low"]) == pytest.approx((0.4 * 60 + 0.25 * 60) / 0.65)
    assert "did you mean 'complexity'" in _run(server, "--input", "complexty=0.5", status=2)
    assert "is no input; write name=value" in _run(server, "--input", "complexity", status=2)
    near.write_text('{"features": [{"id": "a", "inputs": {}}, {"id": "b", "inputs": {"complexity": 7}}]}')
    assert "score-feature: b: feature.inputs[0] 'complexity' is 7, out of its range" in _run(
        server, str(near), status=2
    )


def _run(server: ServerProcess, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "trueline_cli", "score-feature", *arguments],
        env={**os.environ, "TRUELINE_ADDRESS": server.address},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def _middle(dimension: object) -> float:
    score = dimension.score  # type: ignore[attr-defined]
    assert score is not None
    middle: float = score.middle
    return middle
