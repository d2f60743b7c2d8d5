"""Reads the statements of a rule set as the server would, in a process of its own: one process has one warehouse."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.model import Place

LONGEST_S = 60.0


def refused_statements(paths: Sequence[Path], mapping: str) -> list[Problem]:
    """What is wrong with the statements of rules that load.

    Args:
        paths: rule files and directories, added to the default pack.
        mapping: name of the event mapping in force; "" = the one loaded last.

    Raises:
        OSError: they cannot be read, since the engine cannot be started.

    """
    command = [sys.executable, "-m", __name__, mapping, *map(str, paths)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # noqa: S603
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise OSError("the engine that reads them did not answer") from error
    return [Problem(Place(file, line, column), message) for file, line, column, message in found]


def main(mapping: str, *paths: str) -> None:
    """Print the problems as JSON."""
    from trueline_rules.loader import load_rules
    from trueline_stores.warehouse.client import Warehouse
    from trueline_stores.warehouse.confined import Confinement

    from trueline_server.clock import now_us
    from trueline_server.kpis.evaluate import Evaluator

    problems: tuple[Problem, ...] = ()
    with tempfile.TemporaryDirectory() as directory, closing(Warehouse.chdb(Path(directory))) as warehouse:
        try:
            rules = load_rules(tuple(map(Path, paths)), mapping=mapping or None)
            Evaluator(Confinement(warehouse), now_us).refuse_problems(rules)
        except RuleFileError as error:
            problems = error.problems
    told = [(one.place.file, one.place.line, one.place.column, one.message) for one in problems]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
