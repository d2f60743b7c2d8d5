"""The client for Node.js against a real server: its own tests, run from here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.server_process import ServerProcess

_CLIENT = Path(__file__).resolve().parents[2] / "clients" / "node"


def _node() -> str:
    """The interpreter; without one the test is skipped, but fails where CI is set."""
    node = shutil.which("node")
    if node is None:
        told = "Node.js is not installed; clients/node is not tested"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return node


def test_its_tests_pass(shared_server: ServerProcess) -> None:
    """It ingests, queries, watches, reads the score, and tells errors with their reason."""
    node = _node()
    if not (_CLIENT / "node_modules").is_dir():
        pytest.fail("the packages of clients/node are not installed; run `make node`, which needs npm")
    files = sorted(str(path.relative_to(_CLIENT)) for path in (_CLIENT / "test").glob("*.test.js"))
    done = subprocess.run(
        [node, "--test", *files],
        cwd=_CLIENT,
        env={**os.environ, "TRUELINE_ADDRESS": shared_server.address},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# skipped 0" in done.stdout


def test_the_lock_names_no_host() -> None:
    """Packages come from whatever registry npm is configured for."""
    lock = (_CLIENT / "package-lock.json").read_text(encoding="utf-8")

    assert '"integrity"' in lock
    assert '"resolved"' not in lock
