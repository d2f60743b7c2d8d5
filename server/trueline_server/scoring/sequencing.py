"""The names of a roadmap's features: each once, what they come after among them, and in no circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueline_rules.names import hint, quoted

from trueline_server.errors import TruelineError, invalid_field


def check_ids(ids: Sequence[str], field: str) -> None:
    """Refuse an id that is there twice; `field` is the path of one with its place left open, "features[{}].id".

    Raises:
        TruelineError: INVALID_FIELD.

    """
    seen: dict[str, int] = {}
    for place, one in enumerate(ids):
        if one in seen:
            told = f"is {quoted(one)}, as {field.format(seen[one])} is; name each once"
            raise invalid_field(field.format(place), told)
        seen[one] = place


def check_sequence(after: Mapping[str, Sequence[str]], field: str) -> None:
    """Refuse features that come after one that is not there, or after each other in a circle.

    Raises:
        TruelineError: INVALID_FIELD.

    """
    for place, (_name, needed) in enumerate(after.items()):
        for index, one in enumerate(needed):
            if one not in after:
                told = f"is {quoted(one)}, which is not in the roadmap{hint(one, after)}"
                raise invalid_field(f"{field.format(place)}[{index}]", told)
    circle = _circle(after)
    if circle:
        places = list(after)
        raise _circular(field.format(places.index(circle[0])), circle)


def _circle(after: Mapping[str, Sequence[str]]) -> list[str]:
    """Names that come after each other, the first one again at the end; [] if none do."""
    done: set[str] = set()
    for first in after:
        trail: dict[str, None] = {}
        waiting = [(first, iter(after[first]))] if first not in done else []
        trail.update(dict.fromkeys([first] if waiting else []))
        while waiting:
            name, rest = waiting[-1]
            following = next((one for one in rest if one not in done), None)
            if following is None:
                done.add(name)
                trail.pop(name)
                waiting.pop()
            elif following in trail:
                names = list(trail)
                return [*names[names.index(following) :], following]
            else:
                trail[following] = None
                waiting.append((following, iter(after[following])))
    return []


def _circular(field: str, circle: Sequence[str]) -> TruelineError:
    shown = " after ".join(quoted(name) for name in circle)
    return invalid_field(field, f"makes a circle: {shown}; take one of them out")
