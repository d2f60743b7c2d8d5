"""How long a pattern takes by 300 controls, and the posture of up to 1,000 patterns by six frameworks."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trueline import Fact, FrameworkAssessment, TruelineClient

from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess

LIMIT_S = 0.050
FRAMEWORKS, CONTROLS = 6, 50
_FLAGS, _NUMBERS, _TIMES = 120, 40, 10
# In a call; the client sends more in several.
_FACTS_AT_ONCE = 1_000
_HEAD = "apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


class AnswersDifferError(RuntimeError):
    """A status is not what the facts come to, so the times say nothing."""


@dataclass(frozen=True, slots=True)
class _Control:
    """A control: its condition as the file has it, and over values of facts; what it applies to, and its evidence."""

    text: str
    flags: tuple[int, int]
    number: int
    form: int
    applies: int | None
    evidence: bool

    def status(self, values: dict[str, object], now: datetime) -> str:
        """What it comes to by hand; no evidence was recorded."""
        if self.applies is not None and not values[f"flag{self.applies}"]:
            return "not_applicable"
        first, second = (bool(values[f"flag{flag}"]) for flag in self.flags)
        enough = float(str(values[f"number{self.number}"])) >= 12
        tested = values[f"time{self.number % _TIMES}"]
        assert isinstance(tested, datetime)
        recent = now - tested <= timedelta(days=180)
        held = (first, first and second, first or (second and enough), not first, recent)[self.form]
        if not held:
            return "fail"
        return "insufficient_evidence" if self.evidence else "pass"


def run(*, small: bool) -> Result:
    """The 99th hundredth of assessments, median of three rounds; then the posture of more and more patterns."""
    sizes, calls = ((10, 20, 40), 10) if small else ((100, 300, 1_000), 200)
    controls = _controls(random.Random(7))
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        rules = Path(name) / "rules.yaml"
        rules.write_text(_rules(controls), encoding="utf-8")
        folder = Path(name) / "server"
        folder.mkdir()
        settings = {"TRUELINE_RULES": str(rules), "TRUELINE_COMPLIANCE_INTERVAL_S": "100000"}
        with ServerProcess(folder, settings) as server, TruelineClient(server.address, timeout=300) as client:
            patterns = _patterns(random.Random(11), max(sizes))
            _put(client, patterns)
            _compare(client, controls, patterns)
            p99s = [_percentile(_assess(client, len(patterns), calls), 0.99) for _ in range(3)]
            postures = {size: _posture(client, size) for size in sizes}
    measured = statistics.median(p99s)
    told = ", ".join(f"{size:,} in {seconds:.2f} s" for size, seconds in postures.items())
    return Result(
        benchmark="compliance",
        ratio=measured / LIMIT_S,
        goal=1.0,
        better="lower",
        parts={
            "controls": FRAMEWORKS * CONTROLS,
            "calls": calls,
            "p99_s": p99s,
            "posture_s": postures,
            "posture_ms_per_pattern": {size: 1000 * seconds / size for size, seconds in postures.items()},
        },
        machine=machine(),
        summary=(
            f"300 controls with reasons: p99 {1000 * measured:.0f} ms of {1000 * LIMIT_S:.0f} ms; "
            f"posture by six frameworks of {told}"
        ),
        small=small,
    )


def _controls(rng: random.Random) -> list[_Control]:
    made = []
    for number in range(FRAMEWORKS * CONTROLS):
        first, second, count, form = rng.randrange(_FLAGS), rng.randrange(_FLAGS), rng.randrange(_NUMBERS), number % 5
        text = (
            f"flag{first}",
            f"flag{first} and flag{second}",
            f"flag{first} or (flag{second} and number{count} >= 12)",
            f"not flag{first}",
            f"$now - time{count % _TIMES} <= t'P180D'",
        )[form]
        applies = rng.randrange(_FLAGS) if number % 3 == 0 else None
        made.append(_Control(text, (first, second), count, form, applies, evidence=number % 4 == 0))
    return made


def _rules(controls: Sequence[_Control]) -> str:
    kinds = [("flag", _FLAGS, "bool"), ("number", _NUMBERS, "number"), ("time", _TIMES, "datetime")]
    documents = [
        _HEAD.format(kind="FactType", name=f"{name}{number}") + f"  {{subject: plan, type: {kind}}}\n"
        for name, count, kind in kinds
        for number in range(count)
    ]
    for place in range(FRAMEWORKS):
        own = controls[place * CONTROLS : (place + 1) * CONTROLS]
        document = _HEAD.format(kind="ComplianceFramework", name=f"frame{place}")
        document += f"  title: Frame {place}\n  version: '1'\n  subject: plan\n  controls:\n"
        for number, control in enumerate(own):
            severity = ("low", "medium", "high", "critical")[number % 4]
            document += f"    - id: C.{number}\n      title: Control {number}.\n      severity: {severity}\n"
            document += f"      applies: flag{control.applies}\n" if control.applies is not None else ""
            document += f'      rule: "{control.text}"\n      remediation: Mend it.\n'
            document += "      evidence: [{type: report, freshness: 90d}]\n" if control.evidence else ""
        documents.append(document)
    return "---\n".join(documents)


def _patterns(rng: random.Random, count: int) -> list[dict[str, object]]:
    now = datetime.now(UTC)
    return [
        {
            **{f"flag{number}": rng.random() < 0.7 for number in range(_FLAGS)},
            **{f"number{number}": float(rng.randrange(24)) for number in range(_NUMBERS)},
            **{f"time{number}": now - timedelta(days=rng.choice((30, 300))) for number in range(_TIMES)},
        }
        for _ in range(count)
    ]


def _put(client: TruelineClient, patterns: Sequence[dict[str, object]]) -> None:
    facts = [
        Fact(subject_id=f"plan{place:04}", name=name, value=value)
        for place, pattern in enumerate(patterns)
        for name, value in pattern.items()
    ]
    for start in range(0, len(facts), _FACTS_AT_ONCE):
        result = client.put_facts(facts[start : start + _FACTS_AT_ONCE])
        if result.rejections:
            raise AnswersDifferError(f"a fact was refused: {result.rejections[0].message}")


def _compare(client: TruelineClient, controls: Sequence[_Control], patterns: Sequence[dict[str, object]]) -> None:
    """Raise unless counts and single controls of some patterns are those that were computed by hand."""
    now = datetime.now(UTC)
    posture = client.list_postures("plan", limit=len(patterns))
    for place in range(0, len(patterns), max(1, len(patterns) // 10)):
        expected = [control.status(patterns[place], now) for control in controls]
        found = client.get_posture(f"plan{place:04}", kind="plan", with_controls=True).subjects[0].frameworks
        told = [one.status.value for each in found.values() for one in each.controls.values()]
        if told != expected:
            raise AnswersDifferError(f"plan{place:04} has other statuses than its facts come to")
        counted = sum((_counts(each) for each in posture.subjects[place].frameworks.values()), Counter())
        if counted != Counter(expected):
            raise AnswersDifferError(f"the posture of plan{place:04} has other counts than its controls")


def _counts(found: FrameworkAssessment) -> Counter[str]:
    return Counter(
        {
            "pass": found.passed,
            "fail": found.failed,
            "insufficient_evidence": found.insufficient,
            "not_applicable": found.not_applicable,
        }
    )


def _assess(client: TruelineClient, patterns: int, calls: int) -> list[float]:
    names = [f"frame{place}" for place in range(FRAMEWORKS)]
    seconds = []
    for number in range(calls):
        start = time.perf_counter()
        client.assess_pattern(f"plan{number % patterns:04}", names, kind="plan")
        seconds.append(time.perf_counter() - start)
    return seconds


def _posture(client: TruelineClient, size: int) -> float:
    """Seconds for the posture of so many patterns, median of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        found = client.list_postures("plan", limit=size)
        seconds.append(time.perf_counter() - start)
        if len(found.subjects) != size:
            raise AnswersDifferError(f"the posture tells {len(found.subjects)} patterns of {size}")
    return statistics.median(seconds)


def _percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)]
