"""Values of YAML and JSON files that people write: what they must be, or a sentence that names the place."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trueline_cli import options


def read_map(path: Path) -> Mapping[str, Any]:
    """The map that a YAML or JSON file holds.

    Raises:
        UsageError: it cannot be read, holds something else, or gives a key twice.

    """
    import yaml

    try:
        loader = yaml.SafeLoader(path.read_bytes())
        root = loader.get_single_node()
        _refuse_twice(root, path)
        document = None if root is None else loader.construct_document(root)
    except OSError as error:
        raise options.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise options.UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    return a_map(document, str(path))


def _refuse_twice(root: Any, path: Path) -> None:
    """Of a key that is given twice YAML takes the last, and nobody would learn of the other."""
    import yaml

    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        # An alias is the node that it stands for.
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        first: dict[str, int] = {}
        for key, value in node.value:
            waiting.append(value)
            line = key.start_mark.line + 1
            if str(key.value) in first:
                told = f"'{key.value}' is given on line {first[str(key.value)]} already; keep one of them"
                raise options.UsageError(f"{path}, line {line}: {told}")
            first[str(key.value)] = line


def known_keys(written: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    """Refuse keys that are not known.

    Raises:
        UsageError: with the nearest key, or all of them.

    """
    for key in written:
        if key not in known:
            near = get_close_matches(key, known, 1)
            told = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(known))}"
            raise options.UsageError(f"{place} has no key '{key}'{told}")


def a_map(value: Any, place: str) -> Mapping[str, Any]:
    """A map with names as keys.

    Raises:
        UsageError: it is none.

    """
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise options.UsageError(f"{place} must be a map with names as keys")


def a_list(value: Any, place: str) -> list[Any]:
    """A list.

    Raises:
        UsageError: it is none.

    """
    if isinstance(value, list):
        return value
    raise options.UsageError(f"{place} must be a list")


def a_text(value: Any, place: str) -> str:
    """A text.

    Raises:
        UsageError: it is none.

    """
    if isinstance(value, str):
        return value
    raise options.UsageError(f"{place} must be a text; put it in quotes")
