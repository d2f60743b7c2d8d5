"""Tries values of facts, to see whether some turn a condition; for conditions on what is computed from facts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trueline_rules.expressions.closure import Computed, compile_value
from trueline_rules.expressions.tree import (
    Comparison,
    FactValue,
    Literal,
    LiteralSet,
    Node,
    ValueType,
    walk,
)

# A condition is tried at most so often: explaining is for people, who wait for it.
MOST_TRIALS = 2_000
_STEPS = (1e-9, 1e-6, 1e-3, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 1e3, 1e6, 1e9, 1e12)
_SPANS = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 60, 3600, 86_400, 7 * 86_400, 31 * 86_400, 366 * 86_400, 3_660 * 86_400)
)
_NOW = datetime(2025, 1, 1, tzinfo=UTC)


def can_turn(node: Node, wanted: bool, values: Mapping[str, object], now: datetime | None) -> bool:
    """Tell whether a value of one of its facts was found that makes a condition true (or false, as wanted)."""
    computed = compile_value(node)
    facts = {found.name: found for found in walk(node) if isinstance(found, FactValue)}
    constants = [found.value for found in walk(node) if isinstance(found, Literal)]
    for found in walk(node):
        constants += found.values if isinstance(found, LiteralSet) else ()
    trials = 0
    for base in _bases(facts.values(), values):
        for fact in facts.values():
            for candidate in _candidates(fact, base, constants, node, now):
                trials += 1
                if _is(computed, {**base, fact.name: candidate}, now, wanted):
                    return True
                if trials >= MOST_TRIALS:
                    return False
    return False


def _is(computed: Computed, values: Mapping[str, object], now: datetime | None, wanted: bool) -> bool:
    return computed(values, now) is wanted


def _bases(facts: Iterable[FactValue], values: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """The values as they are; where some are missing, with something in their place."""
    missing = [fact for fact in facts if values.get(fact.name) is None]
    if not missing:
        yield dict(values)
        return
    for number in (0.0, 1.0):
        yield {**values, **{fact.name: _something(fact.type, number) for fact in missing}}


def _something(kind: ValueType, number: float) -> object:
    match kind:
        case ValueType.NUMBER:
            return number
        case ValueType.DECIMAL:
            return Decimal(int(number))
        case ValueType.BOOL:
            return bool(number)
        case ValueType.DATETIME:
            return _NOW
        case ValueType.TEXTS:
            return frozenset()
    return ""


def _candidates(
    fact: FactValue,
    base: Mapping[str, object],
    constants: Sequence[object],
    node: Node,
    now: datetime | None,
) -> Iterator[object]:
    here = base[fact.name]
    match fact.type:
        case ValueType.NUMBER | ValueType.DECIMAL:
            numbers = [*_solved(fact, base, node, now), *_numbers(here, constants)]
            as_decimal = fact.type is ValueType.DECIMAL
            yield from ((Decimal(repr(one)) if as_decimal else one) for one in numbers if math.isfinite(one))
        case ValueType.BOOL:
            yield from (True, False)
        case ValueType.DATETIME if isinstance(here, datetime):
            yield from _instants([here, *([now] if now is not None else []), *constants])
        case ValueType.TEXT:
            yield from _texts(constants)
        case ValueType.TEXTS:
            yield from (frozenset(f"m{one}" for one in range(count)) for count in _lengths(constants))


def _numbers(here: object, constants: Iterable[object]) -> Iterator[float]:
    centres = [float(one) for one in (here, *constants) if isinstance(one, int | float | Decimal)]
    for centre in (*centres, 0.0):
        yield centre
        for step in _STEPS:
            scale = step * max(abs(centre), 1.0)
            yield from (centre + scale, centre - scale)


def _solved(fact: FactValue, base: Mapping[str, object], node: Node, now: datetime | None) -> Iterator[float]:
    """Where a comparison would turn if its sides were lines, and a little to either side of it."""
    if not isinstance(node, Comparison) or node.left.type not in {ValueType.NUMBER, ValueType.DECIMAL}:
        return
    left, right = compile_value(node.left), compile_value(node.right)

    def difference(number: float) -> float | None:
        value = Decimal(repr(number)) if fact.type is ValueType.DECIMAL else number
        one, other = left({**base, fact.name: value}, now), right({**base, fact.name: value}, now)
        return None if one is None or other is None else float(one) - float(other)

    start = float(base[fact.name])  # type: ignore[arg-type]
    first, second = difference(start), difference(start + 1.0)
    if first is None or second is None or first == second:
        return
    crossing = start - first / (second - first)
    # An equality holds of the very number only, which people write with few digits.
    yield from (round(crossing, digits) for digits in (12, 9, 6, 3, 0))
    yield from (math.nextafter(crossing, math.inf), math.nextafter(crossing, -math.inf))
    for step in (0.0, 1e-12, 1e-9, 1e-6, 1e-3, 1.0):
        scale = step * max(abs(crossing), 1.0)
        yield from (crossing + scale, crossing - scale)


def _instants(centres: Iterable[object]) -> Iterator[datetime]:
    for centre in centres:
        if isinstance(centre, datetime):
            yield centre
            spans = [one for one in centres if isinstance(one, timedelta)]
            for span in (*_SPANS, *spans, *(one + timedelta(seconds=1) for one in spans)):
                for sign in (1, -1):
                    try:
                        yield centre + sign * span
                    except OverflowError:
                        continue


def _texts(constants: Iterable[object]) -> Iterator[str]:
    yield ""
    for constant in constants:
        if isinstance(constant, str):
            yield from (constant, constant + "x", constant[:-1], "x" + constant)
    yield from ("x" * count for count in _lengths(constants))


def _lengths(constants: Iterable[object]) -> list[int]:
    near = {int(one) + step for one in constants if isinstance(one, int | float | Decimal) for step in (-1, 0, 1)}
    return sorted(one for one in near | {0, 1, 2} if 0 <= one <= 10_000)
