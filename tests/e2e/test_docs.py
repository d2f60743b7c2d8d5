"""Every command and snippet of README and docs, run as it stands, in order, page by page, against a real server.

Fences: `yaml file=NAME` and `csv file=NAME` write a file; `sh` runs in bash, with `exit=N` if it must end so; `python`
runs as a script. A fence after `<!-- not run here: reason -->` is left out, and `text` is a drawing. A page that says
`<!-- with the files of PAGE -->` goes on from another one, and has what that one's fences write.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.server_process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GOES_ON = re.compile(r"<!-- with the files of (\S+\.md) -->")
FENCE = re.compile(r"(?P<before>[^\n]*)\n```(?P<head>[^\n]*)\n(?P<body>.*?)\n```", re.DOTALL)
# What a reader has at hand where a page says `events.jsonl`.
SAMPLE = [
    {"id": "1", "source": "docs", "name": "user_signed_up", "occurred_at": "2026-03-02T09:00:00Z", "user_id": "ada"},
    {
        "id": "2",
        "source": "docs",
        "name": "payment_succeeded",
        "occurred_at": "2026-03-02T09:30:00Z",
        "user_id": "ada",
        "value": 29.0,
        "currency": "USD",
        "properties": {"country": "GB"},
    },
]


@dataclass(frozen=True, slots=True)
class Snippet:
    """One fence: its language, its attributes and its text."""

    language: str
    attributes: dict[str, str]
    body: str


def snippets(page: Path) -> list[Snippet]:
    """The fences of a page that are to run."""
    found = []
    for match in FENCE.finditer("\n" + page.read_text()):
        if match["before"].startswith("<!-- not run here: "):
            continue
        language, *rest = match["head"].split()
        found.append(Snippet(language, dict(item.split("=", 1) for item in rest), match["body"]))
    return found


def run(snippet: Snippet, folder: Path, address: str) -> None:
    """Run one snippet in a folder."""
    expected = int(snippet.attributes.get("exit", "0"))
    body = snippet.body.replace("127.0.0.1:7171", address)
    interpreter = [sys.executable, "-c"] if snippet.language == "python" else ["bash", "-euo", "pipefail", "-c"]
    environment = {
        **os.environ,
        "TRUELINE_ADDRESS": address,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [*interpreter, body], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert expected == done.returncode, f"{snippet.body}\n--\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """What a page shows works as it stands, from its first fence to its last."""
    todo = snippets(page)
    known = {"text", "yaml", "csv", "sh", "python"}
    assert known >= {snippet.language for snippet in todo}, "a fence of another kind would go untested"
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in SAMPLE))
    before = [snippet for name in GOES_ON.findall(page.read_text()) for snippet in snippets(page.parent / name)]
    for snippet in (*before, *todo):
        if "file" in snippet.attributes:
            (folder / snippet.attributes["file"]).write_text(snippet.body + "\n")
    rules = ",".join(str(path) for path in sorted(folder.glob("*.yaml")))
    runnable = [snippet for snippet in todo if snippet.language in ("sh", "python")]
    if not rules and not runnable:
        return
    with ServerProcess(tmp_path, {"TRUELINE_RULES": rules} if rules else {}) as server:
        for snippet in runnable:
            run(snippet, folder, server.address)


def test_every_link_to_a_file_leads_somewhere() -> None:
    """Relative links of README and docs name files that exist."""
    pages = [*PAGES, ROOT / "docs" / "adr" / "README.md"]
    dead = [
        (page.name, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert dead == []
