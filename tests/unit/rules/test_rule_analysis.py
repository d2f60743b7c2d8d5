"""What the analysis of rules knows of a condition: for which numbers and facts it is true."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.analysis.boxes import Boxes, TooManyError, known_throughout
from trueline_rules.analysis.ranges import ALL, NONE, Ranges
from trueline_rules.analysis.truths import FactKey, truths_of, variable_of
from trueline_rules.expressions import Fact, FactType, compile_expression
from trueline_rules.expressions.tree import FactValue, walk

NUMBERS = (-1.0, 0.0, 1.0, 2.0, 3.0)
PROBES = [number + step for number in NUMBERS for step in (-0.5, 0.0, 0.5)]
FACTS = {
    "a": Fact("a", FactType.NUMBER),
    "b": Fact("b", FactType.NUMBER, nullable=False),
    "t": Fact("t", FactType.TEXT),
    "ok": Fact("ok", FactType.BOOL),
}
VALUES = {
    "a": [None, *PROBES],
    "b": PROBES,
    "t": [None, "", "x", "y", "z"],
    "ok": [None, True, False],
}
KEYS = {name: FactKey(("source", name), fact.nullable) for name, fact in FACTS.items()}
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
comparisons = st.builds(
    lambda flipped, sign, number, fact: f"{number:g} {sign} {fact}" if flipped else f"{fact} {sign} {number:g}",
    st.booleans(),
    SIGNS,
    st.sampled_from(NUMBERS),
    st.sampled_from(["a", "b", "a * 2 - 1", "1 - a / 4", "-a", "a - b", "a * b", "a % 2", "t.length"]),
)
others = st.sampled_from(
    [
        "a < b",
        "b > a",
        "a == b",
        "t == 'x'",
        "'y' != t",
        "t in ['x', 'z']",
        "t not in ['x']",
        "t =~ 'x'",
        "t !~ 'x'",
        "ok",
        "ok == false",
        "a == null",
        "a != null",
        "b == null",
        "t == null",
        "(a < b) == null",
        "a in [1, 2]",
        "(a ?? 1) > 1",
        "(a ?? b) < 2",
        "2 <= (a ?? b ?? 3)",
        "(a ?? 1) == null",
        "(t ?? 'x') in ['x', 'z']",
        "(t ?? 'x') != 'y'",
        "(ok ?? a > 1)",
        "(ok ? a < 1 : b > 2)",
        "(a > 1 ? a : b) > 1",
        "(ok ? 'x' : t) in ['x']",
        "a <= a",
        "a < a",
        "t != t",
        "a / 0 > 1",
        "(a % 0) == null",
        "1 < 2",
        "'x' == 'y'",
        "true",
        "t < 'y'",
    ]
)
conditions = st.recursive(
    comparisons | others,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | inner.map("not ({})".format)
    ),
    max_leaves=6,
)
# Conditions over a single number, of which more is told.
single = st.recursive(
    st.builds("a {} {:g}".format, SIGNS, st.sampled_from(NUMBERS)) | st.just("a in [1, 2]"),
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | inner.map("not ({})".format)
    ),
    max_leaves=6,
)
rows = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})


def _boxes(text: str, *, unknown: bool = False) -> Boxes:
    return truths_of(compile_expression(text, FACTS).tree, KEYS, unknown=unknown).true


def _where(text: str) -> Ranges:
    tree = compile_expression(text, FACTS).tree
    variable = variable_of(next(node for node in walk(tree) if isinstance(node, FactValue)), KEYS)
    found = _boxes(text).along(variable)
    assert found is not None
    assert isinstance(found.known, Ranges)
    return found.known


@settings(deadline=None)
@given(single, single)
def test_ranges_are_where_the_condition_is_true(one: str, other: str) -> None:
    """A number is in the set if and only if the compiled condition is true of it; so for unions, sections, rests."""
    first, second = _where(one), _where(other)
    for number in PROBES:
        is_first = compile_expression(one, FACTS).evaluate({"a": number}) is True
        is_second = compile_expression(other, FACTS).evaluate({"a": number}) is True
        assert (number in first) == is_first
        assert (number in first | second) == (is_first or is_second)
        assert (number in first & second) == (is_first and is_second)
        assert (number in ~first) == (not is_first)
    # The numbers probed lie between and on all borders, so a subset of them is a subset.
    assert (first <= second) == all(number in second for number in PROBES if number in first)
    assert bool(first) == any(number in first for number in PROBES)
    assert (first == ALL) == all(number in first for number in PROBES)


@settings(deadline=None)
@given(conditions, conditions, st.lists(rows, min_size=20, max_size=40), st.booleans())
def test_what_is_said_of_all_facts_holds_of_each(
    one: str, other: str, probes: list[dict[str, object]], unknown: bool
) -> None:
    """Never true, always true and one within the other: none of it is said where a row of facts shows otherwise."""
    try:
        first, second = _boxes(one, unknown=unknown), _boxes(other, unknown=unknown)
    except TooManyError:
        return
    counts = (True, None) if unknown else (True,)
    compiled = compile_expression(one, FACTS), compile_expression(other, FACTS)
    held = [tuple(each.evaluate(row) in counts for each in compiled) for row in probes]
    assert first or not any(is_first for is_first, _ in held)
    if first <= second:
        assert all(is_second for is_first, is_second in held if is_first)
    if known_throughout(first.variables) <= first:
        there = [n for n, row in enumerate(probes) if None not in row.values()]
        defined = [n for n in there if compiled[0].evaluate(probes[n]) is not None]
        assert all(held[n][0] for n in defined)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("+-*/"), st.booleans(), st.floats(-1e3, 1e3).filter(lambda one: abs(one) > 1e-3)),
        min_size=1,
        max_size=3,
    ),
    SIGNS,
    st.floats(-1e3, 1e3),
    st.lists(st.floats(-1e6, 1e6), max_size=20),
)
def test_arithmetic_with_constants_is_exact(
    steps: list[tuple[str, bool, float]], sign: str, bound: float, probes: list[float]
) -> None:
    """The border of `value * 100 < 5` is the very float at which it turns, on either side of it and anywhere else."""
    text = "a"
    for operator, first, constant in steps:
        shown = f"({constant!r})"
        text = f"({text} {operator} {shown})" if first or operator == "/" else f"({shown} {operator} {text})"
    condition = compile_expression(f"{text} {sign} ({bound!r})", FACTS)
    found = _where(condition.text)
    borders = [float(number) for low, high in found.intervals for number, _ in (low, high) if math.isfinite(number)]
    near = [
        step for number in borders for step in (math.nextafter(number, -math.inf), math.nextafter(number, math.inf))
    ]
    for number in (*probes, *borders, *near):
        assert (number in found) == (condition.evaluate({"a": number}) is True), number


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a < b", "b > a"),
        ("a + b > 3", "3 < a + b"),
        ("t == 'x'", "t in ['x', 'y']"),
        ("a < 1 and t == 'x'", "a < 2 and t != 'y'"),
        ("a * 100 < 5", "a < 0.05"),
        ("a == null", "a == null or b > 3"),
        ("t =~ 'x' and a > 2", "t =~ 'x'"),
        ("ok", "not (ok == false)"),
    ],
)
def test_one_condition_within_another(one: str, other: str) -> None:
    """What is plain to people is found: sets of texts, several facts, sides exchanged, arithmetic, opaque parts."""
    assert _boxes(one) <= _boxes(other)


@pytest.mark.parametrize(
    "text",
    [
        "a < 1 and a > 2",
        "t == 'x' and t == 'y'",
        "t in ['x'] and t not in ['x', 'y']",
        "a < b and b < a",
        "ok and not ok",
        "b == null",
        "a == null and a > 3",
        "a - b > 5 and a - b < 3",
        "t =~ 'x' and t !~ 'x'",
        "a > 3 and (t == 'x' or ok) and a < 2",
        "a < a",
        "t != t",
        "a / 0 > 3 or a % 0 < 3",
        "2 < 1 and ok",
        "(a ?? 0) > 5 and a == null",
        "(t ?? 'x') in ['y'] and t == null",
        "(a > 3 ? b : 0) > 5 and a < 2",
        "(ok ? a > 3 : b > 3) and a < 2 and b < 2",
    ],
)
def test_contradictions_are_found(text: str) -> None:
    """Over one fact or several, of texts, with null, and between parts that are not looked into."""
    assert not _boxes(text)


def test_a_condition_that_is_too_large_is_not_judged() -> None:
    """Each clause doubles the ways in which all of them can be fulfilled; beyond some nothing is said."""
    clauses = [f"(a > {n} and ok or b < {n} and t != 'x{n}' or a - b > {n})" for n in range(8)]
    assert _boxes(" and ".join(clauses[:3]))
    with pytest.raises(TooManyError):
        _boxes(" and ".join(clauses))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a < 1", "below 1"),
        ("a >= 1 and a <= 2", "from 1 up to 2"),
        ("a == 1 or a > 2", "1 or above 2"),
        ("a < 1 and a > 1", "nothing"),
        ("a < 1 or a >= 1", "any number"),
        ("a * 100 < 5", "below 0.05"),
        ("1 - a > 0.8", "below 0.2"),
    ],
)
def test_ranges_read_as_words(text: str, shown: str) -> None:
    """Messages say ranges in words."""
    assert str(_where(text)) == shown


def test_no_numbers_have_no_holes() -> None:
    """The empty set and a single interval have nothing between."""
    assert not NONE.holes
    assert not _where("a < 1").holes
    assert str(_where("a < 1 or a > 2").holes) == "from 1 up to 2"
