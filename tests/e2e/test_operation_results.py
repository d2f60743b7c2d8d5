"""Results of operations on the command line, through the real server: those that no verb of their own waits for."""

from __future__ import annotations

import pytest
from trueline import TruelineClient
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess


def test_a_training_is_shown(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody was a customer there is no model, and why is told by `show` as by `wait`."""
    with TruelineClient(server.address) as client:
        begun = client.train_churn_model()
        client.wait_operation(begun.name)
    for what in ("wait", "show"):
        assert main(["operations", what, begun.name, "--address", server.address]) == 0
        assert "insufficient data: " in capsys.readouterr().out
