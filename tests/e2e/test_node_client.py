"""The client for Node.js against a real server: its own tests, run from here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.server_process import ServerProcess

_CLIENT = Path(__file__).resolve().parents[2] / "clients" / "node"


def node_of(client: Path) -> str:
    """The interpreter; without it or the client's packages the test is skipped, but fails where CI is set."""
    node = shutil.which("node")
    if node is not None and (client / "node_modules").is_dir():
        return node
    what = "Node.js is" if node is None else "the packages of clients/node are"
    told = f"{what} not installed; clients/node is not tested (`make node`, which needs npm, installs its packages)"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
@pytest.mark.parametrize("installed", [True, False], ids=["no packages", "no node"])
def test_without_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException], installed: bool
) -> None:
    """Whoever works on something else may lack Node.js or npm; a run that counts may not."""
    (tmp_path / "node").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path) if installed else "")
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="packages of clients/node are not" if installed else "Node.js is not"):
        node_of(tmp_path)


def test_its_tests_pass(request: pytest.FixtureRequest) -> None:
    """It ingests, queries, watches, reads the score, and tells errors with their reason."""
    node = node_of(_CLIENT)
    shared_server: ServerProcess = request.getfixturevalue("shared_server")
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
