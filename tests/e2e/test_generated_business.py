"""The generated business through the real command line and server: a board with all KPIs, labelled synthetic."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from trueline import Band, ChurnTraining, TruelineClient

from benchmarks.server_process import ServerProcess

EVENTS = 60_000
END = "2025-06-12T10:30:00Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the default pack."""
    with ServerProcess(tmp_path_factory.mktemp("generated")) as process:
        yield process


def _generate(server: ServerProcess, *more: str) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "trueline_cli", "generate", "--events", str(EVENTS), "--seed", "5", "--end", END]
    options = ["--address", server.address, "--output", "json", *more]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_board_with_all_kpis(server: ServerProcess) -> None:
    """Every KPI has a value, not all are on track, and both the server and the score say that it is synthetic."""
    status, summary, errors = _generate(server)
    assert (status, summary["accepted"]) == (0, EVENTS), errors

    with TruelineClient(server.address) as client:
        score = client.alignment_score(min_position=summary["position"], timeout=120.0)
        state = client.status()

    assert {item.kpi.name: item.kpi.missing for item in score.items if item.kpi.value is None} == {}
    assert len(score.items) == 8
    assert score.coverage == pytest.approx(1.0)
    assert score.score is not None
    assert 60 < score.score < 100
    assert {Band.ON_TRACK} < {item.kpi.band for item in score.items}
    assert score.synthetic
    assert state.synthetic
    assert state.events == EVENTS


def test_who_closes_the_account_is_learned_from_what_users_do(server: ServerProcess) -> None:
    """The pack's second model needs no fact: it learns from metrics, ranks well, and who is quiet is likely to go."""
    _, summary, errors = _generate(server)
    assert errors == ""
    with TruelineClient(server.address) as client:
        end = datetime.fromisoformat(END)
        begun = client.train_churn_model(document="closures", at=end, min_position=summary["position"])
        trained = client.wait_operation(begun.name, timeout=120.0).result
        segments = client.list_churn_segments(document="closures", at=end)

    assert isinstance(trained, ChurnTraining)
    assert trained.model is not None
    assert trained.model.summary.active, trained.model.summary.failed_check
    assert trained.model.features_at == end - timedelta(days=30)
    assert 0.75 < trained.model.validated.auc < 0.98
    activity = next(shape for shape in trained.model.shapes if shape.name == "active_days_30d")
    assert activity.importance > 0.3
    assert activity.log_odds[0] > 0 > activity.log_odds[-1]
    found = {one.name: one for one in segments.segments}
    assert segments.method == "model"
    assert found["never_arrived"].accounts > 20
    assert found["never_arrived"].mean_probability > 4 * found[""].mean_probability


def test_again_is_all_duplicates(server: ServerProcess) -> None:
    """The same seed and end again change nothing: every event is there already."""
    _generate(server)
    status, summary, errors = _generate(server)

    assert errors == ""
    assert (status, summary["accepted"], summary["duplicates"]) == (0, 0, EVENTS)


def test_server_killed_meanwhile(tmp_path: Path) -> None:
    """A server that dies and comes back while events are played gets each of them once."""
    with ServerProcess(tmp_path) as server, TruelineClient(server.address, timeout=60.0) as client:
        command = [sys.executable, "-m", "trueline_cli", "generate", "--events", str(EVENTS), "--end", END]
        options = ["--address", server.address, "--output", "json", "--rate", "30000"]
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as playing:
            while client.status().accepted_position < EVENTS // 10:
                assert playing.poll() is None
            server.kill()
            server.start()
            answer, _ = playing.communicate(timeout=120.0)
        summary = json.loads(answer)

        assert playing.returncode == 0
        assert summary["accepted"] + summary["duplicates"] == EVENTS
        assert client.status(min_position=summary["position"], timeout=60.0).events == EVENTS


def test_held_back(tmp_path: Path) -> None:
    """A server that is behind holds the sender back, and everything arrives in the end."""
    with ServerProcess(tmp_path, {"TRUELINE_MAX_LAG_EVENTS": "3000"}) as server:
        status, summary, errors = _generate(server)

        assert errors == ""
        assert (status, summary["accepted"] + summary["duplicates"]) == (0, EVENTS)
        with TruelineClient(server.address) as client:
            assert client.status(min_position=summary["position"]).events == EVENTS


def test_no_server() -> None:
    """Without a server the command ends with status 3 and says how to start one."""
    command = [sys.executable, "-m", "trueline_cli", "generate", "--events", "1000", "--address", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert "trueline up" in done.stderr
    assert not Path("127.0.0.1:9").exists()
