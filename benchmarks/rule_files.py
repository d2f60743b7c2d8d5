"""Rule files of any number of alert rules over any number of facts, for benchmarks."""

from __future__ import annotations

from pathlib import Path

_HEAD = "apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def write_rules(folder: Path, rules: int, facts: int, shift: float = 0.0) -> Path:
    """A file of fact types f0, f1, … and alert rules r0, r1, …, each reading two; `shift` moves their limits."""
    documents = [
        _HEAD.format(kind="FactType", name=f"f{number}") + "  subject: account\n  type: number\n"
        for number in range(facts)
    ]
    for number in range(rules):
        one, other = number % facts, (number * 7 + 1) % facts
        one, other = (one, other) if one != other else (one, (other + 1) % facts)
        documents.append(
            _HEAD.format(kind="AlertRule", name=f"r{number}")
            + f"  facts: {{a: {{fact: f{one}}}, b: {{fact: f{other}}}}}\n"
            + f"  warning: a < {number % 90 + 10 + shift} and b > {number % 50}\n"
            + f"  critical: a < {number % 9 + 1 + shift} and b > {number % 50}\n"
        )
    path = folder / "rules.yaml"
    path.write_text("---\n".join(documents), encoding="utf-8")
    return path
