"""Ends long work in the middle, when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# Says whether work is to end; asked often, so it must be cheap.
Stopped = Callable[[], bool]


class StoppedError(Exception):
    """The work was ended before it was done."""


def never() -> bool:
    """Work goes on to its end."""
    return False


def while_wanted(items: Iterable[Item], stopped: Stopped) -> Iterator[Item]:
    """The items, as long as they are wanted.

    Raises:
        StoppedError: before the first item that is not.

    """
    for item in items:
        if stopped():
            raise StoppedError
        yield item
