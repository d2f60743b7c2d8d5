"""Runs `trueline ingest` as a process and reads what it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Kind of a bad line -> reasons that say what is wrong with it.
REASONS = {
    "missing_id": {"MISSING_FIELD", "WRONG_TYPE"},
    "nan_value": {"VALUE_OUT_OF_RANGE"},
    "bad_timestamp": {"INVALID_TIMESTAMP", "MISSING_FIELD"},
    "far_future": {"FAR_FUTURE"},
    "huge_property": {"FIELD_TOO_LARGE"},
    "truncated_json": {"CORRUPT_LINE"},
    "wrong_type": {"WRONG_TYPE", "MISSING_FIELD", "CORRUPT_LINE"},
    "conflicting_id": {"EVENT_CONFLICT"},
}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one run answered.

    Attributes:
        summary: the JSON on standard output.
        refused: line number (from 1) -> reason.
        status: exit status.

    """

    summary: dict[str, Any]
    refused: dict[int, str]
    status: int


def ingest(file: Path, mapping: Path, address: str, folder: Path, token: str = "") -> Ingested:
    """Ingest a file to its end; the folder holds the list of refused lines."""
    errors = folder / f"refused-{file.stem}-{mapping.stem}-{token}.jsonl"
    command = [sys.executable, "-m", "trueline_cli", "ingest", str(file), "--mapping", str(mapping)]
    options = ["--address", address, "--output", "json", "--errors", str(errors)]
    credential = ["--token", token] if token else []
    done = subprocess.run([*command, *options, *credential], capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        raise AssertionError(f"trueline ingest said nothing on standard output: {done.stderr}")
    lines = [json.loads(line) for line in errors.read_text(encoding="utf-8").splitlines()]
    return Ingested(json.loads(done.stdout), {line["line"]: line["reason"] for line in lines}, done.returncode)
