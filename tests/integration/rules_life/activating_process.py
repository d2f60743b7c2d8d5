"""Activates rules without end in a directory, for a test that kills it. Arguments: the directory, a first number."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from tests.integration.rules_life.life_world import Life, joined, metric

if __name__ == "__main__":
    life = Life(Path(sys.argv[1]))
    life.activation.open()
    print("open", flush=True)
    for number in itertools.count(int(sys.argv[2])):
        # Of two documents with the same number: a mix of two sets would show.
        files = [("a.yaml", joined(metric(f"a{number}"), metric(f"b{number}")))]
        done = life.activation.activate("acme", files, author=str(number))
        life.activation.activate("acme", files, stage="shadow", author=str(number))
        print(done.revision, flush=True)
