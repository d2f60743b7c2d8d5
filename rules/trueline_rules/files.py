"""Rule files on disk: which ones a path means, and their text within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trueline_rules.errors import Problems
from trueline_rules.model import Place
from trueline_rules.syntax import MOST_BYTES

SUFFIXES = frozenset({".yaml", ".yml"})


def find_files(paths: Sequence[Path], problems: Problems) -> list[Path]:
    """List the files that paths mean: a file itself, the *.yaml and *.yml directly in a directory by name.

    A file that is meant twice is listed once; hidden files in a directory are left out.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            if path.is_dir():
                files = sorted(child for child in path.iterdir() if _is_rule_file(child))
            elif path.is_file():
                files = [path]
            else:
                files = []
                problems.add(Place(str(path), 0, 0), "is not a regular file" if path.exists() else "does not exist")
        except OSError as error:
            problems.add(Place(str(path), 0, 0), f"cannot be read: {error.strerror}")
            continue
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def read_text(path: Path, problems: Problems) -> str | None:
    """Read a rule file of UTF-8, at most 1 MiB; None after noting why it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        problems.add(Place(str(path), 0, 0), f"cannot be read: {error.strerror}")
        return None
    if len(content) > MOST_BYTES:
        problems.add(Place(str(path), 0, 0), f"has more than {MOST_BYTES} bytes, the most of a rule file: split it")
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        problems.add(Place(str(path), line, column), f"is not UTF-8 from the byte 0x{content[error.start]:02x} on")
        return None


def _is_rule_file(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()
