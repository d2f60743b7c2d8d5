"""Literals of the text as constants of the tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isinf

import rule_engine.errors
from rule_engine.parser.utilities import parse_datetime, parse_timedelta

from trueline_rules.expressions.grammar import Parsed
from trueline_rules.expressions.tree import Literal, ValueType

Fail = Callable[[str, Parsed], Exception]

# What a DateTime64 of ClickHouse can hold; beyond it the two ways to evaluate would part.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2299, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
LONGEST = timedelta(days=366_000)  # a thousand years: sums of such stay within 64 bits of microseconds


def number_literal(parsed: Parsed, fail: Fail) -> Literal:
    """A number: float64, and exactly what was written."""
    written = str(parsed.parts[0])
    if written in ("inf", "nan"):
        raise fail(
            f"'{written}' is not a value: such a number counts as missing; write '== null' to test for it", parsed
        )
    if re.match(r"0\d", written):
        raise fail(f"'{written}' begins with 0: write {written.lstrip('0') or '0'}", parsed)
    try:
        exact = Decimal(int(written, 0)) if re.match("0[box]", written) else Decimal(written)
    except (InvalidOperation, ValueError):
        raise fail(f"'{written[:40]}' is not a number", parsed) from None
    try:
        value = float(exact)
    except OverflowError:
        value = float("inf")
    if isinf(value):
        raise fail(f"'{written[:40]}' is too large for a number", parsed)
    return Literal(type=ValueType.NUMBER, start=parsed.start, end=parsed.end, value=value, exact=exact)


def text_literal(parsed: Parsed, fail: Fail) -> Literal:
    """A text, which must be valid Unicode."""
    value = str(parsed.parts[0])
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise fail("the text has half of a surrogate pair, which no UTF-8 text can hold: write the character", parsed)
    return Literal(type=ValueType.TEXT, start=parsed.start, end=parsed.end, value=value)


def datetime_literal(parsed: Parsed, fail: Fail) -> Literal:
    """An instant; one without a zone is UTC."""
    try:
        value = parse_datetime(str(parsed.parts[0]), UTC).astimezone(UTC)
    except (rule_engine.errors.SyntaxError, ValueError, OverflowError):
        raise fail("this is no instant: write one as d'2026-01-31T12:00:00Z'", parsed) from None
    if not EARLIEST <= value <= LATEST:
        raise fail("an instant lies between the years 1900 and 2299", parsed)
    return Literal(type=ValueType.DATETIME, start=parsed.start, end=parsed.end, value=value)


def duration_literal(parsed: Parsed, fail: Fail) -> Literal:
    """A span of time, as ISO 8601 writes it."""
    try:
        value = parse_timedelta(str(parsed.parts[0]))
    except (rule_engine.errors.SyntaxError, ValueError, OverflowError):
        raise fail(
            "this is no span of time: write one as t'P1DT12H' (days, hours; M and S for minutes, seconds)", parsed
        ) from None
    if value > LONGEST:
        raise fail("a span of time is at most 1000 years (P366000D)", parsed)
    return Literal(type=ValueType.DURATION, start=parsed.start, end=parsed.end, value=value)
