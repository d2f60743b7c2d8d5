"""The command line against a real server that records: what it sends, prints and answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import kpi_service_pb2, metric_service_pb2
from trueline_cli import app

from tests.integration.sdk.recording import Failure, Recorder, Running

GOOD: dict[str, Any] = {"source": "shop", "name": "sale", "occurred_at": "2024-05-06T07:08:09Z"}


def lines(*ids: str, **more: Any) -> str:
    """Good JSON lines with these identities."""
    return "".join(json.dumps({**GOOD, "id": one, **more}) + "\n" for one in ids)


def cli(
    running: Running, *argv: str, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    command = [sys.executable, "-m", "trueline_cli", "--address", running.address, *argv]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=60, check=False
    )


def test_ingest_sends_tells_and_finishes(
    running: Running, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Good lines go in, bad ones are told with their line, what the server refuses too; each source is finished."""
    recorder.refuse = lambda event: "FAR_FUTURE" if event["id"] == "c" else ""
    path = tmp_path / "events.jsonl"
    path.write_text(lines("a") + "{oops\n" + lines("b", "c", "a") + lines("d", source="app"))
    errors = tmp_path / "errors.jsonl"
    status = app.main(["ingest", str(path), "--address", running.address, "--errors", str(errors)])
    out, err = capsys.readouterr()
    assert status == 1
    assert f"{path}:2: is not JSON" in err
    assert f"{path}:4: value: refused as told" in err
    assert "6 records in" in out
    assert "3 accepted, 1 there already, 2 refused" in out
    assert recorder.arrivals == [("shop", "a"), ("shop", "b"), ("app", "d")]
    assert recorder.finished == ["shop", "app"]
    told = [json.loads(line) for line in errors.read_text().splitlines()]
    assert sorted((item["line"], item["field"], item["reason"]) for item in told) == [
        (2, "", "CORRUPT_LINE"),
        (4, "value", "FAR_FUTURE"),
    ]


def test_a_source_of_refused_events_only_is_not_finished(
    running: Running, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server does not know it, which is no failure of its own; the other sources are finished."""
    recorder.refuse = lambda event: "FAR_FUTURE" if event["source"] == "app" else ""
    path = tmp_path / "events.jsonl"
    path.write_text(lines("a", source="app") + lines("b"))
    status = app.main(["ingest", str(path), "--address", running.address, "--keep-going", "--output", "json"])
    summary = json.loads(capsys.readouterr().out)
    assert (status, summary["finished"], recorder.finished) == (0, ["shop"], ["shop"])


def test_refused_lines_are_told_in_order(
    running: Running, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the server come later than those that cannot be read, but each file is told by its line numbers, and
    the first twenty are the first twenty.
    """
    recorder.refuse = lambda event: "FAR_FUTURE" if int(event["id"]) % 2 else ""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text("".join(lines(str(n)) + "{oops\n" for n in range(3)))
    second.write_text(lines(*map(str, range(10, 2_010))) + "{oops\n" * 30)
    assert app.main(["ingest", str(first), str(second), "--address", running.address]) == 1
    err = capsys.readouterr().err.splitlines()
    told = [line.removeprefix(f"{tmp_path}/").split(": ")[0] for line in err[:-1]]
    expected = [*(f"first.jsonl:{n}" for n in (2, 3, 4, 6)), *(f"second.jsonl:{n}" for n in range(2, 34, 2))]
    assert told == expected
    assert err[-1] == "… and 1,014 more; --errors FILE writes all"


def test_the_first_refused_lines_are_shown_and_all_are_counted(
    running: Running, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty of them; --keep-going makes it a success; the summary is JSON for scripts."""
    path = tmp_path / "events.jsonl"
    path.write_text("broken\n" * 50 + lines("a"))
    status = app.main(
        ["ingest", str(path), "--address", running.address, "--keep-going", "--output", "json", "--no-finish"]
    )
    out, err = capsys.readouterr()
    assert status == 0
    assert err.count("is not JSON") == 20
    assert "… and 30 more; --errors FILE writes all" in err
    summary = json.loads(out)
    assert (summary["accepted"], summary["refused"], summary["records"], summary["finished"]) == (1, 50, 51, [])
    assert recorder.finished == []


def test_other_files_go_on_when_one_cannot_be_read(
    running: Running, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fault is told, the rest goes in, and no source is finished, as something of it is missing."""
    torn, good = tmp_path / "torn.jsonl.gz", tmp_path / "good.jsonl"
    torn.write_bytes(b"no gzip at all")
    good.write_text(lines("a"))
    status = app.main(["ingest", str(torn), str(good), "--address", running.address, "--keep-going"])
    out, err = capsys.readouterr()
    assert status == 1
    assert f"{torn}: cannot be unpacked" in err
    assert "1 of 2 files could not be read to the end" in out
    assert (recorder.arrivals, recorder.finished) == ([("shop", "a")], [])


@pytest.mark.parametrize(("name", "told"), [("gone.jsonl", "no such file"), ("folder.csv", "is a directory")])
def test_a_file_that_is_not_there_is_wrong_use(
    running: Running, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, name: str, told: str
) -> None:
    """Nothing of the others is sent, and there is no summary that looks like work done."""
    (tmp_path / "folder.csv").mkdir()
    good = tmp_path / "good.jsonl"
    good.write_text(lines("a"))
    status = app.main(["ingest", str(good), str(tmp_path / name), "--address", running.address])
    assert status == 2
    assert capsys.readouterr() == ("", f"trueline ingest: {tmp_path / name}: {told}\n")
    assert recorder.arrivals == []


def test_the_server_reads_the_mapping(running: Running, recorder: Recorder, tmp_path: Path) -> None:
    """A file's text goes to the server, or the name of a mapping it knows; the rules that come back are applied."""
    fields = recorder.mapping.fields
    fields["id"].constant = "{file}:{line}"
    fields["source"].constant = "shop"
    fields["name"].column = "what"
    fields["occurred_at"].column = "when"
    fields["occurred_at"].format = "epoch_s"
    rules = tmp_path / "shop.yaml"
    rules.write_text("kind: EventMapping\n")
    data = tmp_path / "orders.csv"
    data.write_text("what,when\nsale,1\n")
    assert cli(running, "ingest", str(data), "--mapping", str(rules)).returncode == 0
    assert cli(running, "ingest", str(data), "--mapping", "shop").returncode == 0
    requests = [request for name, request, _ in recorder.calls if name == "ResolveEventMapping"]
    assert [(r.yaml, r.name, r.file_name) for r in requests] == [
        ("kind: EventMapping\n", "", "shop.yaml"),
        ("", "shop", ""),
    ]
    assert recorder.arrivals == [("shop", "orders.csv:2")]
    assert recorder.events["shop", "orders.csv:2"]["occurred_at_us"] == 1_000_000


def test_standard_input_is_sent_as_it_comes(running: Running, recorder: Recorder) -> None:
    """A line arrives although the pipe stays open; the end of the pipe finishes no source."""
    command = [sys.executable, "-m", "trueline_cli", "ingest", "-", "--address", running.address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(lines("a"))
        process.stdin.flush()
        recorder.wait_for(lambda: recorder.batches == 1)
        out, _ = process.communicate(lines("b"), timeout=60)
    assert process.returncode == 0
    assert "2 accepted" in out
    assert recorder.finished == []


def test_ctrl_c_says_what_is_in(running: Running, recorder: Recorder, tmp_path: Path) -> None:
    """An interrupted ingest ends at once with status 130 and no stack trace."""
    path = tmp_path / "events.jsonl"
    path.write_text(lines(*map(str, range(30_000))))
    recorder.gate.clear()
    command = [sys.executable, "-m", "trueline_cli", "ingest", str(path), "--address", running.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        recorder.wait_for(lambda: recorder.batches == 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("trueline ingest: interrupted\n0 events are in; run it again")
    assert "Traceback" not in err


def test_a_server_that_gives_out_is_told(running: Running, recorder: Recorder, tmp_path: Path) -> None:
    """A failure that no retry mends: what is in, and that running it again is safe."""
    recorder.judge = lambda events: Failure("RESOURCE_EXHAUSTED", "LOG_FULL", "the disk under the log is full")
    path = tmp_path / "events.jsonl"
    path.write_text(lines("a"))
    done = cli(running, "ingest", str(path))
    assert done.returncode == 3
    assert "the disk under the log is full" in done.stderr
    assert "run it again" in done.stderr
    assert recorder.finished == []


def test_a_missing_server_is_a_sentence(running: Running) -> None:
    """Status 3, one line, no stack trace."""
    running.stop()
    for verb in (["kpis"], ["ingest", "-"]):
        done = cli(running, *verb)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == (
            f"trueline {verb[0]}: no server answers at {running.address}; "
            "start one with `trueline up`, or name another with --address\n"
        )


def some_score() -> kpi_service_pb2.AlignmentScore:
    """A score with a KPI that has a value and one that has none."""
    score = kpi_service_pb2.AlignmentScore(scorecard="alignment", score=61.25, band=2, coverage=0.85, synthetic=True)
    score.at.CopyFrom(Timestamp(seconds=1714979289))
    kpi = score.items.add(weight=0.2, effective_weight=0.25, contribution=23.8).kpi
    kpi.name, kpi.unit, kpi.direction, kpi.target, kpi.value = "d7_retention", "ratio", 1, 0.25, 0.238
    kpi.attainment, kpi.band, kpi.completeness = 0.952, 1, 1
    none = score.items.add(weight=0.15).kpi
    none.name, none.direction, none.target, none.missing = "ltv_cac", 1, 4, "no event plays the role 'spend'"
    return score


def test_the_board(running: Running, recorder: Recorder) -> None:
    """Score, band, coverage, every KPI with value, target, status and bar; within 80 columns and without colours."""
    recorder.score.CopyFrom(some_score())
    recorder.status.events, recorder.status.accepted_position = 30_000, 77
    recorder.status.processed_position = 77
    recorder.status.sources.add(source="synthetic-podcast")
    done = cli(running, "score")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "Alignment score  61.2  at risk" in text
    assert "covers 85 % of the weight · judged at 2024-05-06 07:08:09 UTC" in text
    assert "synthetic data: made by the generator, not by a business" in text
    row = next(line for line in text.splitlines() if line.startswith("d7_retention"))
    assert row.split()[1:7] == ["23.8", "%", "≥", "25.0", "%", "on"]
    assert "███████████▍" in row
    assert row.rstrip().endswith("partial")
    assert "ltv_cac: no event plays the role 'spend'" in text
    assert "30,000 events from synthetic-podcast" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    request = next(request for name, request, _ in recorder.calls if name == "GetAlignmentScore")
    assert request.min_position == 77


def test_results_for_scripts(running: Running, recorder: Recorder) -> None:
    """--output json prints the whole result, with null where there is no value."""
    recorder.score.CopyFrom(some_score())
    recorder.kpis = [item.kpi for item in some_score().items]
    score = json.loads(cli(running, "score", "--output", "json").stdout)["score"]
    assert (score["score"], score["band"], score["synthetic"]) == (61.25, "at_risk", True)
    assert [item["kpi"]["value"] for item in score["items"]] == [0.238, None]
    kpis = json.loads(cli(running, "--output", "json", "kpis").stdout)["kpis"]
    assert [kpi["name"] for kpi in kpis] == ["d7_retention", "ltv_cac"]


def test_metrics_are_listed_and_shown(running: Running, recorder: Recorder) -> None:
    """A table of metrics; points with labels, state, and a mark for what a sketch estimated."""
    recorder.metrics = [metric_service_pb2.Metric(name="dau", unit="users", aggregation=6, window="1d", step="1d")]
    point = metric_service_pb2.MetricPoint(metric="dau", value=70_000, events=3, completeness=2)
    point.window_end.CopyFrom(Timestamp(seconds=1714953600))
    point.labels["country"] = "AT"
    recorder.points = [point]
    assert "dau     distinct users  1d" in cli(running, "metrics").stdout
    shown = cli(
        running, "metrics", "show", "dau", "--from", "2024-05-05", "--to", "2024-05-07", "--label", "country=AT"
    )
    assert "2024-05-06 00:00  dau     country=AT  ≈ 70,000       3  provisional" in shown.stdout
    request = recorder.calls[-1][1]
    assert (request.start_time.seconds, dict(request.labels)) == (1714867200, {"country": "AT"})


def script() -> list[Any]:
    """A watch with a snapshot, its end, and a change; then it stays open."""
    response = metric_service_pb2.WatchMetricsResponse
    points = metric_service_pb2.MetricPoints(points=[metric_service_pb2.MetricPoint(metric="dau", value=1)])
    return [
        response(snapshot=points),
        response(synced=metric_service_pb2.Synced(position=4), resume_token="t1"),
        response(changes=points, resume_token="t2"),
        threading.Event(),
    ]


def test_a_watch_prints_a_line_a_message(running: Running, recorder: Recorder) -> None:
    """With --once it ends when the snapshot is complete."""
    recorder.scripts.append(script())
    done = cli(running, "metrics", "watch", "dau", "--output", "json", "--once")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [message["kind"] for message in messages] == ["snapshot", "synced"]
    assert messages[1] == {"kind": "synced", "position": 4, "resume_token": "t1"}


def test_a_watch_ends_well_with_ctrl_c_and_with_its_reader(running: Running, recorder: Recorder) -> None:
    """Ctrl-C is the way to end it: status 0. A reader that closes the pipe ends it with 141, as SIGPIPE does."""
    command = [
        sys.executable,
        "-m",
        "trueline_cli",
        "metrics",
        "watch",
        "--output",
        "json",
        "--address",
        running.address,
    ]
    recorder.scripts.append(script())
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["kind"] for _ in range(3)] == ["snapshot", "synced", "changes"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    gate = threading.Event()
    recorder.scripts.append([*script()[:2], gate, script()[2], script()[2], threading.Event()])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        gate.set()
        err = process.stderr.read()
        assert process.wait(60) == 141
    assert err == ""


def read_lines(running: Running, count: int, *argv: str) -> list[str]:
    """The first lines that a command prints into a pipe, while it goes on."""
    command = [sys.executable, "-m", "trueline_cli", "--address", running.address, *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            return [process.stdout.readline() for _ in range(count)]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def test_a_watch_of_metrics_into_a_pipe_prints_a_line_a_change(running: Running, recorder: Recorder) -> None:
    """At once, while the watch goes on; with --once it ends after those of the snapshot."""
    point = metric_service_pb2.MetricPoint(metric="dau", value=2, completeness=2, exact=True, labels={"country": "AT"})
    point.window_end.CopyFrom(Timestamp(seconds=1714953600))
    change = metric_service_pb2.WatchMetricsResponse(changes=metric_service_pb2.MetricPoints(points=[point]))
    recorder.scripts.append([*script()[:2], change, threading.Event()])
    assert read_lines(running, 2, "metrics", "watch") == [
        "–  dau  ≈ 1\n",  # noqa: RUF001
        "2024-05-06 00:00  dau  country=AT  2  provisional\n",
    ]
    recorder.scripts.append(script())
    done = cli(running, "metrics", "watch", "--once")
    assert (done.returncode, done.stdout) == (0, "–  dau  ≈ 1\n")  # noqa: RUF001


def test_a_watch_of_the_score_into_a_pipe_prints_a_line_a_change(running: Running, recorder: Recorder) -> None:
    """The score, and those KPIs that have another value than before; all of them at first."""
    response = kpi_service_pb2.WatchAlignmentResponse
    later = some_score()
    later.score, later.band, later.items[0].kpi.value = 82, 1, 0.25
    synced = response(synced=metric_service_pb2.Synced(position=4), resume_token="t1")
    recorder.scripts.append(
        [response(snapshot=some_score()), synced, response(change=later, resume_token="t2"), threading.Event()]
    )
    assert read_lines(running, 2, "watch") == [
        "2024-05-06 07:08:09  alignment 61.2  at risk  d7_retention 23.8 %, ltv_cac –\n",  # noqa: RUF001
        "2024-05-06 07:08:09  alignment 82.0  on track  d7_retention 25.0 %\n",
    ]


def test_the_token_comes_from_the_environment(running: Running, recorder: Recorder) -> None:
    """TRUELINE_TOKEN is sent, and never printed."""
    done = cli(running, "status", env={"TRUELINE_TOKEN": "s3cret"})
    assert recorder.metadata[-1]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in done.stdout + done.stderr


def test_a_failed_check_of_quality_is_a_finding_when_asked(running: Running, recorder: Recorder) -> None:
    """--fail makes it status 1."""
    check = recorder.quality.checks.add(passed=False)
    check.kpi.name, check.kpi.value, check.kpi.target, check.kpi.unit = "orphaned_events", 0.2, 0.01, "ratio"
    assert cli(running, "quality").returncode == 0
    done = cli(running, "quality", "--fail")
    assert done.returncode == 1
    assert "failed" in done.stdout


def test_actions_are_ranked(running: Running, recorder: Recorder) -> None:
    """What to do, and what it wins."""
    action = recorder.actions.actions.add(rank=1, points=5.25, action="Do it.")
    action.kpi.CopyFrom(some_score().items[0].kpi)
    assert "1  d7_retention  23.8 %  ≥ 25.0 %  +5.2  Do it." in cli(running, "actions").stdout
