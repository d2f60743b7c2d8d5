"""Random expressions over facts of every type, and random values for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st
from trueline_rules.expressions import Fact, FactType

TYPES = {
    "n1": FactType.NUMBER,
    "n2": FactType.NUMBER,
    "t1": FactType.TEXT,
    "t2": FactType.TEXT,
    "b1": FactType.BOOL,
    "d1": FactType.DATETIME,
    "d2": FactType.DATETIME,
    "s1": FactType.TEXTS,
    "p1": FactType.DECIMAL,
    "p2": FactType.DECIMAL,
}
FACTS = {name: Fact(name, kind) for name, kind in TYPES.items()}
NOW = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)

# Few values, so that equality happens; and the corners of each type.
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "a\nb",
    "gold",
    "pro",
    "it's",
    "back\\slash",
    "{x:String}",
    "%s",
    "ä",
    "ß",
    "日本",
    "\U0001f600",
    "\uffff",
]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.1, 0.3, 2.5, 3.0, 7.0, -7.5, 64.0, 1e-300, 1e300, 1.7e308, -1.7e308, 5e-324, 2.0**53]
INSTANTS = [
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, 59, 999_998, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2299, 12, 31, 23, 59, 59, tzinfo=UTC),
]
PATTERNS = [
    "a",
    "^a",
    "b$",
    "a.b",
    "(?s)a.b",
    "(?i)A",
    "a|pro",
    "[^a]",
    "\\\\d",
    "ä+",
    "^$",
    "(?:go|pr)(ld|o)",
    "x*",
    "\\\\.",
    "'",
    ".",
]
SPANS = ["P1D", "PT0S", "PT1S", "P366000D", "P3DT4H5M6S"]


def quoted(text: str) -> str:
    """A text as a literal of the language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def written(number: float) -> str:
    """A number as a literal of the language."""
    return repr(number) if str(number)[0] != "-" else f"({number!r})"


number_values = (
    st.sampled_from(NUMBERS)
    | st.integers(-640, 640).map(lambda n: n / 64)
    | st.floats(allow_nan=False, allow_infinity=False)
)
decimal_values = st.integers(-(10**12), 10**12).map(lambda n: Decimal(n).scaleb(-4)) | st.sampled_from(
    [Decimal("0.3"), Decimal(0), Decimal("1234567890123456789.0123456789"), Decimal("-0.1")]
)
text_values = st.sampled_from(TEXTS) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=4
)
instant_values = st.sampled_from(INSTANTS) | st.integers(-600_000_000_000_000, 7_200_000_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
VALUES: dict[FactType, st.SearchStrategy[Any]] = {
    FactType.NUMBER: number_values | st.sampled_from([float("nan"), float("inf"), float("-inf"), 3, -1, 0]),
    FactType.DECIMAL: decimal_values,
    FactType.TEXT: text_values,
    FactType.BOOL: st.booleans(),
    FactType.DATETIME: instant_values,
    FactType.TEXTS: st.frozensets(st.sampled_from(TEXTS), max_size=3),
}


@st.composite
def fact_values(draw: st.DrawFn) -> dict[str, Any]:
    """Values for all facts, of which some are None or not there."""
    found: dict[str, Any] = {}
    for name, kind in TYPES.items():
        how = draw(st.integers(0, 9))
        if how > 1:
            found[name] = draw(VALUES[kind])
        elif how:
            found[name] = None
    return found


def numbers(depth: int, *, exact: bool = False) -> st.SearchStrategy[str]:
    """Expressions whose value is a number (`exact`: a decimal)."""
    facts = st.sampled_from(["p1", "p2"] if exact else ["n1", "n2", "n1", "n2", "t1.length", "s1.length"])
    leaves = facts | (st.sampled_from([0.0, 1.0, 0.3, 2.5, 3.0, -7.5, 64.0]) if exact else number_values).map(written)
    if exact:
        leaves = facts | facts | leaves
    if depth == 0:
        return facts if exact else leaves
    below = numbers(depth - 1, exact=exact)
    operators = st.sampled_from(["+", "-", "+", "-", "*", "/", "%"])
    return (
        leaves
        | st.tuples(below, operators, below).map(lambda p: f"({p[0]} {p[1]} {p[2]})")
        | below.map(lambda n: f"(-{n})")
        | st.tuples(below, below).map(lambda p: f"({p[0]} ?? {p[1]})")
        | st.tuples(conditions(0), below, below).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})")
    )


def texts(*, cased: bool) -> st.SearchStrategy[str]:
    """Expressions whose value is a text; with `cased`, upper and lower case too, which ClickHouse does not have."""
    plain = st.sampled_from(["t1", "t2", "t1", "t2"]) | text_values.map(quoted) | st.just("(t1 ?? t2)")
    return plain | st.sampled_from(["t1.as_lower", "t2.as_upper"]) if cased else plain


def instants(depth: int) -> st.SearchStrategy[str]:
    """Expressions whose value is an instant."""
    leaves = st.sampled_from(["d1", "d2", "$now"]) | st.sampled_from(INSTANTS).map(lambda d: f"d'{d.isoformat()}'")
    if depth == 0:
        return leaves
    return leaves | st.tuples(instants(depth - 1), st.sampled_from(["+", "-"]), spans(depth - 1)).map(
        lambda p: f"({p[0]} {p[1]} {p[2]})"
    )


def spans(depth: int) -> st.SearchStrategy[str]:
    """Expressions whose value is a span of time."""
    leaves = st.sampled_from(SPANS).map(lambda s: f"t'{s}'")
    if depth == 0:
        return leaves
    return (
        leaves
        | st.tuples(instants(depth - 1), instants(depth - 1)).map(lambda p: f"({p[0]} - {p[1]})")
        | spans(depth - 1).map(lambda s: f"(-{s})")
    )


def leaves(depth: int, *, cased: bool, exact: bool) -> st.SearchStrategy[str]:
    """Conditions without connectives."""
    compared = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    same = [numbers(depth), texts(cased=cased), instants(depth), spans(depth)]
    if exact:
        same.append(numbers(depth, exact=True))
    pairs = [st.tuples(side, compared, side).map(" ".join) for side in same]
    return st.one_of(
        *pairs,
        pairs[0],
        st.just("b1"),
        st.sampled_from(["b1 == true", "b1 != false", "(n1 < 1) == b1", "(b1 ?? true)", "true", "(b1 ? n1 < n2 : b1)"]),
        st.tuples(st.sampled_from([*TYPES, "(n1 / n2)", "(n1 < 2)"]), st.sampled_from(["== null", "!= null"])).map(
            " ".join
        ),
        st.tuples(texts(cased=cased), st.sampled_from(["=~", "=~~", "!~", "!~~"]), st.sampled_from(PATTERNS)).map(
            lambda p: f"{p[0]} {p[1]} {_pattern(p[2])}"
        ),
        st.tuples(numbers(depth), st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3)).map(
            lambda p: f"{p[0]} in [{', '.join(repr(n) for n in p[1])}]"
        ),
        st.tuples(texts(cased=cased), st.lists(text_values.map(quoted), min_size=1, max_size=3)).map(
            lambda p: f"{p[0]} not in [{', '.join(p[1])}]"
        ),
        st.tuples(texts(cased=cased), st.sampled_from(["in s1", "not in s1"])).map(" ".join),
        st.sampled_from(
            ["p1 in [0.3, 0, 2]", "d1 in [d'1970-01-01', d'1900-01-01']", "b1 in [true]", "p1 < 0.3", "p1 == p2"]
        ),
    )


@st.composite
def conditions(draw: st.DrawFn, depth: int, *, cased: bool = False, exact: bool = False) -> str:
    """Conditions of any kind. (A composite, whose repr in reports is short.)"""
    return draw(nested(depth, cased, exact))


@cache
def nested(depth: int, cased: bool, exact: bool) -> st.SearchStrategy[str]:
    """Conditions up to a depth of connectives."""
    if depth == 0:
        return leaves(0, cased=cased, exact=exact).map(lambda c: f"({c})")
    below = nested(depth - 1, cased, exact)
    many = st.lists(below, min_size=2, max_size=3)
    return (
        leaves(depth, cased=cased, exact=exact).map(lambda c: f"({c})")
        | many.map(lambda parts: f"({' and '.join(parts)})")
        | many.map(lambda parts: f"({' or '.join(parts)})")
        | below.map(lambda c: f"(not {c})")
    )


def _pattern(pattern: str) -> str:
    return f'"{pattern}"'
