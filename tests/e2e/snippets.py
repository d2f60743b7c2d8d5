"""Runs the commands and snippets of a page as they stand, in order, against a real server.

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

from benchmarks.server_process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# They take long, so they are tested in a module of their own.
OF_RULES = {"alerts.md", "expressions.md", "notifications.md", "rules.md", "working-with-rules.md"}
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


def run_page(page: Path, folder: Path) -> None:
    """Run all snippets of a page in a folder, from the first fence to the last."""
    todo = snippets(page)
    known = {"text", "yaml", "csv", "sh", "python"}
    assert known >= {snippet.language for snippet in todo}, "a fence of another kind would go untested"
    reader = folder / "reader"
    reader.mkdir()
    (reader / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in SAMPLE))
    before = [snippet for name in GOES_ON.findall(page.read_text()) for snippet in snippets(page.parent / name)]
    for snippet in (*before, *todo):
        if "file" in snippet.attributes:
            (reader / snippet.attributes["file"]).write_text(snippet.body + "\n")
    rules = ",".join(str(path) for path in sorted(reader.glob("*.yaml")))
    runnable = [snippet for snippet in todo if snippet.language in ("sh", "python")]
    if not rules and not runnable:
        return
    with ServerProcess(folder, {"TRUELINE_RULES": rules} if rules else {}) as server:
        for snippet in runnable:
            run(snippet, reader, server.address)
