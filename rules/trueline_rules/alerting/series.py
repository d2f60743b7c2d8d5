"""Series of samples, and promtool's notation for the series of a test.

Grammar (Prometheus documentation, "Unit testing for rules"); tokens stand between blanks, one `interval` apart:

    values = { token }
    token  = "_" [ "x" n ]                      a missing sample, or n of them
           | "stale"                            a stale marker: the series ends here
           | number [ "x" n ]                   a sample, or n + 1 of them
           | number ("+" | "-") number "x" n    a sample and n further ones, each that much more or less
    number = ["+" | "-"] decimal, "Inf" or "NaN"
    n      = whole number

Histograms (`{{…}}`) are not read. Steps are counted exactly in decimal (0.35-0.02x10 ends at 0.15), where promtool adds
doubles; the two differ in the last bit at most.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import Enum
from itertools import pairwise
from typing import TypeAlias

from trueline_rules.alerting.vectors import Labels, Value

# Two years of minutes; a slip of the pen in a test must not fill the memory.
MOST_SAMPLES = 1_000_000

_NUMBER = r"(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[iI]nf|[nN]a[nN])"
_REPEATED = re.compile(rf"(?P<first>[-+]?{_NUMBER})(?:(?P<step>[-+]{_NUMBER})?x(?P<count>[0-9]+))?")
_MISSING = re.compile(r"_(?:x(?P<count>[0-9]+))?")
_EXACT = Context(prec=60)


class Marker(Enum):
    """A sample that is no value: the source said that the series ends here."""

    STALE = "stale"


STALE = Marker.STALE
Sample: TypeAlias = Value | Marker


class NotationError(ValueError):
    """A series is not written as promtool writes it.

    Attributes:
        token: the text at fault.
        position: which token it is, from 1.
        column: where it begins, from 1.

    """

    def __init__(self, problem: str, token: str, position: int, column: int) -> None:
        super().__init__(f"value {position} ({token!r}, column {column}): {problem}")
        self.token = token
        self.position = position
        self.column = column


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one label set.

    Attributes:
        labels: of the series.
        instants_us: of the samples (µs since 1970 UTC), strictly ascending.
        samples: a value or STALE for each instant; where a sample is missing, there is no instant.

    Raises:
        ValueError: instants are not ascending, or not as many as samples.

    """

    labels: Labels
    instants_us: tuple[int, ...]
    samples: tuple[Sample, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.instants_us) != len(self.samples):
            raise ValueError(f"{len(self.instants_us)} instants for {len(self.samples)} samples")
        for before, after in pairwise(self.instants_us):
            if before >= after:
                raise ValueError(f"instants must ascend, {after} follows {before}")

    @classmethod
    def regular(cls, labels: Labels, samples: Sequence[Sample | None], interval_us: int, start_us: int = 0) -> Series:
        """Samples that are `interval_us` apart; None = missing."""
        if interval_us <= 0:
            raise ValueError(f"the interval between samples must be positive, is {interval_us} µs")
        there = [(start_us + i * interval_us, sample) for i, sample in enumerate(samples) if sample is not None]
        return cls(labels, tuple(instant for instant, _ in there), tuple(sample for _, sample in there))

    def between(self, first_us: int, last_us: int, *, with_first: bool) -> slice:
        """Where the samples of a window stand; its last instant is always in it."""
        find = bisect_left if with_first else bisect_right
        return slice(find(self.instants_us, first_us), bisect_right(self.instants_us, last_us))


def parse_samples(text: str) -> tuple[Sample | None, ...]:
    """Read promtool's notation into samples; None = missing.

    Raises:
        NotationError: a token is not of the grammar above, a number is beyond a double, or there are too many samples.

    """
    samples: list[Sample | None] = []
    for position, match in enumerate(re.finditer(r"\S+", text), start=1):
        try:
            samples.extend(_expand(_read(match[0], MOST_SAMPLES - len(samples))))
        except ValueError as error:
            raise NotationError(str(error), match[0], position, match.start() + 1) from None
    return tuple(samples)


def count_samples(text: str, most: int = MOST_SAMPLES) -> int:
    """Tell how many samples a text in promtool's notation comes to, without making them.

    Raises:
        NotationError: as `parse_samples`, and for more than `most`.

    """
    count = 0
    for position, match in enumerate(re.finditer(r"\S+", text), start=1):
        try:
            count += _read(match[0], most - count, most).times
        except ValueError as error:
            raise NotationError(str(error), match[0], position, match.start() + 1) from None
    return count


def parse_series(text: str, interval_us: int, labels: Labels = (), start_us: int = 0) -> Series:
    """Read promtool's notation into a series whose first token stands at `start_us`.

    Raises:
        NotationError: as `parse_samples`.
        ValueError: the interval is not positive.

    """
    return Series.regular(labels, parse_samples(text), interval_us, start_us)


@dataclass(frozen=True, slots=True)
class _Run:
    """What one token says: a sample and how many there are of it, each `step` more than the one before."""

    first: Sample | None
    times: int
    step: float | None = None


def _read(word: str, room: int, most: int = MOST_SAMPLES) -> _Run:
    if word == STALE.value:
        return _bounded(_Run(STALE, 1), room, most)
    missing = _MISSING.fullmatch(word)
    if missing is not None:
        return _bounded(_Run(None, _count(missing["count"] or "1")), room, most)
    repeated = _REPEATED.fullmatch(word)
    if repeated is None:
        raise ValueError(_what_is_wrong(word))
    first, times = _number(repeated["first"]), _count(repeated["count"] or "0") + 1
    step = None if repeated["step"] is None or times == 1 else _number(repeated["step"])
    return _bounded(_Run(first, times, step), room, most)


def _bounded(run: _Run, room: int, most: int) -> _Run:
    if run.times > room:
        raise ValueError(f"a series has at most {most:,} samples here; write fewer")
    return run


def _expand(run: _Run) -> Iterable[Sample | None]:
    if run.step is None or not isinstance(run.first, float):
        return [run.first] * run.times
    if not (math.isfinite(run.first) and math.isfinite(run.step)):
        return [run.first, *[run.first + run.step] * (run.times - 1)]
    exact_first, exact_step = Decimal(repr(run.first)), Decimal(repr(run.step))
    return [float(_EXACT.fma(exact_step, i, exact_first)) for i in range(run.times)]


def _count(digits: str) -> int:
    # Python refuses to read a number of thousands of digits; one of eight is too large already.
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= 8 else MOST_SAMPLES + 1


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number) and "n" not in text.lower():
        raise ValueError(f"{text} is beyond a 64-bit float; write Inf if that is meant")
    return number


def _what_is_wrong(word: str) -> str:
    if word.startswith(STALE.value):
        return "stale stands alone; what is missing after it is written _ or _x3"
    if word.startswith("_"):
        return "a missing sample is _ and several are _x3"
    if "{" in word or "}" in word:
        return "histograms are not read; write numbers"
    if re.fullmatch(rf"[-+]?{_NUMBER}[-+]{_NUMBER}", word):
        return "says how much more each sample is, but not how many follow; write it like 1+2x5"
    if re.search(r"x-|x\d*\.|x$", word):
        return "after x stands how many samples follow, a whole number; write it like 1+2x5"
    return "is no sample; write a number, 1x5, 1+2x5, 1-2x5, _, _x5 or stale"
