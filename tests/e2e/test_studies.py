"""Studies end to end: the generated business through server, SDK and command line; runs that stay as they are."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from trueline import (
    AsyncTruelineClient,
    Completeness,
    InvalidRequestError,
    NotFoundError,
    PreconditionError,
    StudyRun,
    StudyType,
    StudyVerdict,
    TruelineClient,
)
from trueline.v1 import study_service_pb2, study_service_pb2_grpc

from benchmarks.server_process import ServerProcess

EVENTS = 120_000
END = "2025-06-12T10:30:00Z"
APRIL, MAY, JUNE = (datetime(2025, month, 1, tzinfo=UTC) for month in (4, 5, 6))
OWN = """\
apiVersion: trueline/v1
kind: Study
metadata: {name: unplayed}
spec:
  type: renewal_rate
  deals: {renewed: {roles: [partner_renewed]}, ended: {roles: [partner_left]}, deal: account_id}
  currency: USD
---
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: partners}
spec:
  fields: {id: id, source: source, name: name, occurred_at: {column: at, format: rfc3339}}
  roles: {partner_renewed: [partner_renewed], partner_left: [partner_left]}
---
apiVersion: trueline/v1
kind: Schedule
metadata: {name: monthly_renewals}
spec: {cron: 0 6 1 * *, run: {study: renewal_rate, period: month}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the generated business, a study whose roles nobody plays, and a schedule."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "own.yaml").write_text(OWN)
    settings = {"TRUELINE_RULES": str(folder / "own.yaml"), "TRUELINE_MAPPING": "podcast"}
    with ServerProcess(folder, settings) as process:
        status, told = trueline(process, "generate", "--events", str(EVENTS), "--seed", "5", "--end", END)
        assert status == 0, told
        with TruelineClient(process.address) as client:
            client.status(min_position=client.status().accepted_position, timeout=120.0)
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TruelineClient]:
    """A client of it."""
    with TruelineClient(server.address) as connected:
        yield connected


def trueline(server: ServerProcess, *words: str) -> tuple[int, str]:
    """Exit status and output of the command on a terminal of 80 columns."""
    command = [sys.executable, "-m", "trueline_cli", *words, "--address", server.address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"})
    return done.returncode, done.stdout + done.stderr


def test_the_impact_on_each_persona(client: TruelineClient) -> None:
    """Personas have business success and campaign efficiency, each number with an interval and its inputs."""
    impact = client.run_study("persona_impact", MAY, JUNE, timeout=60.0)

    assert impact.type is StudyType.PERSONA_IMPACT
    assert (impact.previous_start, impact.previous_end) == (APRIL, MAY)
    assert impact.completeness is Completeness.COMPLETE
    assert set(impact.personas) == {"agency", "brand", "data_marketer", "producer", "solo_podcaster"}
    lines = [
        f"{persona}: {metrics['business_success']['renewal_rate']:.2%}, "
        f"{metrics['business_success']['revenue_growth']:.2%}, {metrics['campaign_efficiency']['avg_roi']:.2f}"
        for persona, metrics in impact.personas.items()
    ]
    assert any("insufficient data" in line for line in lines)
    rate = impact.personas["solo_podcaster"]["business_success"]["renewal_rate"]
    inputs = {name: int(one.value) for name, one in rate.now.inputs.items()}
    assert rate.value == inputs["renewed"] / (inputs["renewed"] + inputs["ended"])
    assert rate.now.low is not None
    assert rate.now.high is not None
    assert 0 <= rate.now.low < rate.value < rate.now.high <= 1
    assert rate.now.observations == inputs["renewed"] + inputs["ended"] >= impact.least


def test_groups_add_up_to_everything(client: TruelineClient) -> None:
    """Counts and amounts of the groups of each breakdown are those of all, to the cent."""
    growth = client.run_study("revenue_growth", MAY, JUNE, timeout=60.0)

    total = growth.figures["revenue_growth"].now.inputs
    for breakdown in ("persona", "plan"):
        parts = [areas["business_success"]["revenue_growth"].now.inputs for areas in growth.by(breakdown).values()]
        for name, one in total.items():
            assert sum(part[name].value for part in parts) == one.value, (breakdown, name)
    moved = total["new"].value + total["expanded"].value - total["contracted"].value - total["lost"].value
    assert moved == total["net_revenue"].value - total["net_revenue_before"].value


def test_campaigns_got_better(client: TruelineClient) -> None:
    """The business learns: returns rise over its life, which the study tells, with a p-value beside the other types."""
    efficiency = client.run_study("campaign_efficiency", MAY, JUNE, breakdowns=["campaign_type"], timeout=60.0)

    average = efficiency.figures["avg_roi"]
    assert average.value == pytest.approx(sum(one.roi or 0 for one in efficiency.campaigns) / len(efficiency.campaigns))
    host = efficiency.by("campaign_type")["host_read"]["campaign_efficiency"]["avg_roi"]
    assert host.difference is not None
    assert host.difference.adjusted_p_value is not None
    assert host.difference.p_value is not None
    assert host.difference.adjusted_p_value >= host.difference.p_value
    cost = efficiency.figures["cost_per_conversion"].now
    assert cost.value == pytest.approx(float(cost.inputs["cost"].value / cost.inputs["conversions"].value))


def test_a_run_is_kept_as_it_was(server: ServerProcess, client: TruelineClient) -> None:
    """After the server was killed and came back, a run is the same; a request id that comes again begins nothing."""
    before = client.run_study("renewal_rate", MAY, JUNE, request_id="may-renewals", timeout=60.0)
    server.kill()
    server.start()

    with TruelineClient(server.address) as again:
        assert again.get_study(before.id) == before
        assert again.run_study("renewal_rate", MAY, JUNE, request_id="may-renewals", timeout=60.0) == before
        listed = again.list_studies("renewal_rate", start=MAY, end=JUNE)
        assert replace(before, groups=(), campaigns=()) in listed
        assert again.list_studies("renewal_rate", start=MAY, end=MAY + timedelta(days=1)) == ()
        pages = again.list_studies(limit=1)
        assert len(pages) == 1
        # The same events give the same figures, whenever they are asked for.
        anew = again.run_study("renewal_rate", MAY, JUNE, timeout=60.0)
        assert (anew.id != before.id, anew.groups) == (True, before.groups)


def test_runs_are_compared(server: ServerProcess, client: TruelineClient) -> None:
    """Periods apart by their intervals, one period as what came in since; what overlaps is not judged."""
    april = client.run_study("renewal_rate", APRIL, MAY, timeout=60.0)
    may = client.run_study("renewal_rate", MAY, JUNE, timeout=60.0)

    compared = client.compare_studies(april.id, may.id)
    assert (compared.before.id, compared.after.id, compared.same_period) == (april.id, may.id, False)
    total = next(one for one in compared.changes if (one.breakdown, one.name) == ("", "renewal_rate"))
    figure = may.figures["renewal_rate"]
    assert total.difference is not None
    assert figure.difference is not None
    # The previous period of May is April, so both say the same.
    assert total.difference.value == pytest.approx(figure.difference.value)
    assert total.difference.low == pytest.approx(figure.difference.low)

    again = client.run_study("renewal_rate", MAY, JUNE, timeout=60.0)
    same = client.compare_studies(again.id, may.id)
    assert same.same_period
    assert {one.verdict for one in same.changes} == {StudyVerdict.UNSPECIFIED}
    assert all(one.before == one.after for one in same.changes)

    both = client.run_study("renewal_rate", APRIL, JUNE, timeout=60.0)
    overlapping = client.compare_studies(both.id, may.id)
    assert {one.verdict for one in overlapping.changes} == {StudyVerdict.UNSPECIFIED}
    _, shown = trueline(server, "study", "compare", both.id, may.id)
    assert "not judged: the periods overlap, so they share events" in shown

    other = client.run_study("revenue_growth", MAY, JUNE, timeout=60.0)
    told = f"other is '{may.id}', a run of renewal_rate, but '{other.id}' is one of revenue_growth"
    with pytest.raises(InvalidRequestError, match=f"{told}; compare two runs of one study"):
        client.compare_studies(other.id, may.id)


def test_a_changed_definition_does_not_compare(server: ServerProcess, client: TruelineClient) -> None:
    """A study that counts something else under its name starts a row of its own."""
    before = client.run_study("renewal_rate", MAY, JUNE, timeout=60.0)
    pack = Path(__file__).parents[2] / "rules" / "trueline_rules" / "packs" / "studies.yaml"
    changed = pack.read_text().split("---")[0].replace("minimum_observations: 10", "minimum_observations: 12")
    try:
        client.activate_rules({"changed.yaml": changed}, author="ops")
        after = client.run_study("renewal_rate", MAY, JUNE, timeout=60.0)
        with pytest.raises(InvalidRequestError, match="is of another definition of renewal_rate"):
            client.compare_studies(after.id, before.id)
        with pytest.raises(InvalidRequestError, match="is the first run of renewal_rate as it is defined now"):
            client.compare_studies(after.id)
    finally:
        client.rollback_rules(author="ops")


def test_what_cannot_be_studied_is_refused(client: TruelineClient) -> None:
    """Errors name the field or the role, the value and the way out."""
    now = datetime.now(UTC)
    with pytest.raises(NotFoundError, match="did you mean 'renewal_rate'") as unknown:
        client.begin_study("renewal_rat", MAY, JUNE)
    assert unknown.value.reason == "UNKNOWN_STUDY"
    assert unknown.value.metadata["nearest"] == "renewal_rate"
    for start, end, message in (
        (JUNE, MAY, rf"end_time is {MAY:%F}, before the period starts \({JUNE:%F}\); .* must be after start_time"),
        (MAY, MAY, rf"end_time is {MAY:%F}, when the period starts; .* must be after start_time"),
        (now + timedelta(days=1), now + timedelta(days=2), r"start_time is .*, which lies ahead of the server's clock"),
        (MAY, now + timedelta(days=2), r"end_time is .*, which lies ahead of the server's clock; .*; ask up to"),
        (MAY - timedelta(days=2000), MAY, rf"end_time is {MAY:%F}, more than 1,100 days after start_time"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            client.begin_study("renewal_rate", start, end)
    with pytest.raises(InvalidRequestError, match=r"'persna'.*did you mean 'persona'"):
        client.begin_study("renewal_rate", MAY, JUNE, breakdowns=["persna"])
    with pytest.raises(PreconditionError) as unplayed:
        client.begin_study("unplayed", MAY, JUNE)
    assert unplayed.value.reason == "UNPLAYED_ROLE"
    with pytest.raises(NotFoundError, match="no run 'study-999' of a study is kept"):
        client.get_study("study-999")


def test_a_period_without_data_is_insufficient(client: TruelineClient) -> None:
    """It is no error: every figure says how many there were, and a note when the events begin."""
    run = client.run_study("renewal_rate", datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 4, 1, tzinfo=UTC))

    rate = run.figures["renewal_rate"]
    assert (rate.value, rate.verdict) == (None, StudyVerdict.INSUFFICIENT_DATA)
    assert rate.now.missing == "0 of at least 10 decided deals"
    assert any("after the period" in note for note in run.notes)


def test_a_schedule_studies_the_last_month(client: TruelineClient) -> None:
    """Run out of turn it begins one of the last month that is over, and tells the operation."""
    begun = client.run_schedule("monthly_renewals")
    run = client.wait_operation(begun.operation, timeout=60.0).result

    assert isinstance(run, StudyRun)
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert run.end == first
    assert run.start == (first - timedelta(days=1)).replace(day=1)
    assert begun.message.startswith("study renewal_rate of ")


def test_the_async_client_does_the_same(server: ServerProcess) -> None:
    """Run, list, get and compare."""

    async def calls() -> tuple[StudyRun, StudyRun]:
        async with AsyncTruelineClient(server.address) as connected:
            run = await connected.run_study("campaign_efficiency", MAY, JUNE, timeout=60.0)
            (listed,) = await connected.list_studies("campaign_efficiency", limit=1)
            assert listed.id == run.id
            return run, await connected.get_study(run.id)

    run, again = asyncio.run(calls())
    assert run == again


def test_on_the_command_line(server: ServerProcess) -> None:
    """Tables fit 80 columns and say what is unclear; JSON and CSV have all of it."""
    status, told = trueline(server, "study", "run", "persona_impact", "--month", "2025-05")
    assert status == 0, told
    assert max(map(len, told.splitlines())) <= 80
    assert "renewal rate by persona" in told
    assert "insufficient data" in told
    status, told = trueline(server, "study", "run", "renewal_rate", "--quarter", "2025Q1", "--output", "json")
    run = json.loads(told)
    assert (status, run["start"], run["end"]) == (0, "2025-01-01T00:00:00Z", "2025-04-01T00:00:00Z")
    status, told = trueline(server, "study", "show", run["id"], "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(told)))
    assert {row["figure"] for row in rows} == {"renewal_rate", "weighted_renewal_rate"}
    status, told = trueline(server, "study", "list", "--limit", "3")
    assert (status, len(told.splitlines())) == (0, 4)
    status, told = trueline(server, "study", "run", "renewal_rate", "--month", "2025-05", "--days", "3")
    assert (status, "give one of them" in told) == (2, True)


def test_only_asked_what_would_be_studied(server: ServerProcess, client: TruelineClient) -> None:
    """validate_only tells the previous period and the breakdowns, and begins nothing."""
    request = study_service_pb2.RunStudyRequest(study="renewal_rate", validate_only=True)
    request.start_time.FromDatetime(MAY)
    request.end_time.FromDatetime(JUNE)
    known = len(client.list_operations(kind="RunStudy", limit=0))
    with grpc.insecure_channel(server.address) as channel:
        answer = study_service_pb2_grpc.StudyServiceStub(channel).RunStudy(request, timeout=10.0)

    assert not answer.HasField("operation")
    assert answer.previous_start_time.ToDatetime(tzinfo=UTC) == APRIL
    assert list(answer.breakdowns) == ["persona", "sponsor", "campaign_type"]
    assert len(client.list_operations(kind="RunStudy", limit=0)) == known
