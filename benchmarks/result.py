"""What a benchmark answers: one ratio with its goal, and the parts it was made of; kept as JSON, shown as a table."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
MARKERS = ("<!-- benchmarks:begin -->", "<!-- benchmarks:end -->")


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement.

    Attributes:
        benchmark: its name.
        ratio: what was measured over what it is compared with, or over its limit; taken inside one run.
        goal: what the ratio should be.
        better: "higher" or "lower".
        parts: sizes and times behind the ratio.
        machine: where it ran.
        summary: one line for the table.
        small: a trial of the benchmark itself, whose numbers say nothing.

    """

    benchmark: str
    ratio: float
    goal: float
    better: str
    parts: Mapping[str, Any]
    machine: Mapping[str, Any]
    summary: str
    small: bool = False

    @property
    def met(self) -> bool:
        """True if the goal is reached."""
        return self.ratio >= self.goal if self.better == "higher" else self.ratio <= self.goal

    def line(self) -> str:
        """The result as one line of JSON."""
        return json.dumps(asdict(self) | {"met": self.met})

    def save(self, folder: Path = RESULTS) -> Path:
        """Write the result to its file; trials of a benchmark are not kept."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.benchmark}.json"
        path.write_text(json.dumps(asdict(self) | {"met": self.met}, indent=2) + "\n", encoding="utf-8")
        return path


def machine() -> dict[str, Any]:
    """Cores, memory and Python of this machine."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def load_results(names: tuple[str, ...], folder: Path = RESULTS) -> list[Result]:
    """The results that were kept, in the order of the names."""
    paths = [folder / f"{name}.json" for name in names]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    return [Result(**{key: value for key, value in data.items() if key != "met"}) for data in found]


def table(results: list[Result]) -> str:
    """A markdown table, and a sentence about the machine."""
    lines = ["| benchmark | measured | ratio | goal | met |", "| --- | --- | --- | --- | --- |"]
    for result in results:
        sign = "≥" if result.better == "higher" else "≤"
        met = "yes" if result.met else "**no**"
        cells = (f"`{result.benchmark}`", result.summary, f"{result.ratio:.2f}", f"{sign} {result.goal:g}", met)
        lines.append(f"| {' | '.join(cells)} |")
    machines = {
        f"{m['cores']} cores, {m['memory_gb']} GB, Python {m['python']}, {m['system']} on {m['architecture']}"
        for m in (result.machine for result in results)
    }
    return "\n".join([*lines, "", f"Measured on {'; '.join(sorted(machines))}."])


def write_table(text: str, path: Path) -> None:
    """Put the table between the markers of a file.

    Raises:
        ValueError: the file does not have the markers, each once and in order.

    """
    content = path.read_text(encoding="utf-8")
    before, opened, rest = content.partition(MARKERS[0])
    _, closed, after = rest.partition(MARKERS[1])
    if not opened or not closed:
        raise ValueError(f"{path} has no '{MARKERS[0]}' followed by '{MARKERS[1]}'")
    path.write_text(f"{before}{MARKERS[0]}\n\n{text}\n\n{MARKERS[1]}{after}", encoding="utf-8")
