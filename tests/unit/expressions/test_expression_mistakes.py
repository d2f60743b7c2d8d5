"""Each mistake in an expression is refused with a message that names it, its place and the way out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from trueline_rules.expressions import ExpressionError, Fact, FactType, compile_expression

T = FactType
FACTS = {
    name: Fact(name, kind)
    for name, kind in {
        "value": T.NUMBER,
        "activation_rate": T.NUMBER,
        "kpi": T.TEXT,
        "tier": T.TEXT,
        "active": T.BOOL,
        "created_at": T.DATETIME,
        "tags": T.TEXTS,
        "price": T.DECIMAL,
    }.items()
}

MISTAKES = [
    # names
    ("activation_rat < 1", "unknown fact 'activation_rat'; did you mean 'activation_rate'?", "activation_rat"),
    ("value == True", "unknown fact 'True'; write true", "True"),
    ("kpi.size > 1", "a text has no attribute 'size'; known: as_lower, as_upper, length", "kpi.size"),
    ("value.length > 1", "a number has no attribute 'length'; there are attributes of texts and sets only: compare the "
     "value itself", "value.length"),
    # types
    ("kpi < 3", "'<' cannot join a text and a number: 'kpi' is a text, '3' is a number; write a text instead of '3'",
     "kpi < 3"),
    ("value == 'high'", "'==' cannot join a number and a text: 'value' is a number, ''high'' is a text; write a number "
     "instead of ''high''", "value == 'high'"),
    ("'0.30' > value", "'>' cannot join a text and a number: ''0.30'' is a text, 'value' is a number; write 0.30 "
     "without quotes", "'0.30' > value"),
    ("active == 'true'", "'==' cannot join true or false and a text: 'active' is true or false, ''true'' is a text; "
     "write true without quotes", "active == 'true'"),
    ("value == kpi", "'==' cannot join a number and a text: 'value' is a number, 'kpi' is a text; both sides must be "
     "of one type", "value == kpi"),
    ("active < true", "true and false have no order: '<' cannot compare them", "active < true"),
    ("created_at > '2025-01-01'", "'>' cannot join an instant and a text: 'created_at' is an instant, "
     "''2025-01-01'' is a text; write d'2025-01-01'", "created_at > '2025-01-01'"),
    ("value in ['a']", "''a'' is a text, but 'value' is a number", "'a'"),
    ("value in tags", "'tags' holds texts, a number is never in it", "value in tags"),
    ("value in []", "nothing is in an empty set: name its members", "[]"),
    ("value in [1, null]", "null is in no set: write 'or fact == null'", "null"),
    ("value in [1, value]", "a set holds constants only: compare with '==' and 'or'", "value"),
    ("tags == tags", "sets are not compared: test a member with 'in'", "tags == tags"),
    ("'a' in kpi", "'in' does not search within a text: write text =~~ 'part'", "'a' in kpi"),
    ("kpi + 'a' == 'b'", "'+' cannot compute with a text and a text", "kpi + 'a'"),
    ("value", "'value' is a number, not a condition: compare it with a value", "value"),
    ("active and value", "'value' is a number, not a condition: compare it with a value", "value"),
    ("not kpi", "'kpi' is a text, not a condition: compare it with a value", "kpi"),
    ("-kpi == 'a'", "'-' needs a number, not a text", "-kpi"),
    ("value < null", "null has no order and no value: write 'fact == null' or 'fact != null'", "value < null"),
    ("value ?? 0 < 3", "'??' (put it in brackets: it binds loosely) cannot join a number and true or false: "
     "'value' is a number, '0 < 3' is true or false; both sides must be of one type", "value ?? 0 < 3"),
    # what the language does not have
    ("$random < 1", "$random is refused, because a decision must give the same when it is replayed", "$random"),
    ("$today < created_at", "'$today' is not part of the language; '$now' is", "$today"),
    ("[x for x in tags] == null", "a comprehension is not part of the language: test the set with 'in'",
     "[x for x in tags]"),
    ("kpi.to_set() == null", "a function call is not part of the language: put the result in as a fact",
     "kpi.to_set()"),
    ("kpi[0] == 'a'", "an item in brackets is not part of the language: declare it as a fact of its own", "kpi[0]"),
    ("kpi[0:1] == 'a'", "a slice is not part of the language: use '=~' with a regular expression", "kpi[0:1]"),
    ("kpi == b'x'", "bytes are not part of the language: write a text", "b'x'"),
    ("{'a': 1} == null", "a mapping is not part of the language: write a set as ['a', 'b']", "{'a': 1}"),
    ("value ** 2 > 1", "'**' is not part of the language: there are + - * / %", "value ** 2"),
    ("value // 2 > 1", "'//' is not part of the language: there are + - * / %", "value // 2"),
    ("value & 1 > 0", "bitwise operators are not part of the language: write 'and', 'or' or '!='", "value & 1"),
    ("kpi&.length > 1", "'&.' is not needed: write '.', which is missing where the text is missing", "kpi&.length"),
    # attempts to run Python
    ("kpi.__class__ == 'a'", "a text has no attribute '__class__'; known: as_lower, as_upper, length", "kpi.__class__"),
    ("__import__('os').system('id') == 0", "a function call is not part of the language: put the result in as a fact",
     "__import__('os').system('id')"),
    ("kpi.__class__.__mro__ == null", "a text has no attribute '__class__'; known: as_lower, as_upper, length",
     "kpi.__class__"),
    ("kpi == 'a'; import os", "';' is not part of the language: remove it", ";"),
    ("lambda: 1", "an operator is expected between 'lambda' and ':', such as 'and'", ":"),
    # syntax
    ("", "the expression is empty: write a condition, such as value < 0.3", ""),
    ("# nothing", "the expression is empty: write a condition, such as value < 0.3", ""),
    ("(value < 3", "'(' is never closed: add ')'", "("),
    ("value < 3)", "')' closes nothing: remove it, or open it before", ")"),
    ("kpi in ['a')", "'[' is closed by ')': write ']' here", ")"),
    ("kpi == 'a", "the text that starts here is never closed: add '", "'a"),
    ("value < 3 and", "the expression ends after 'and' where a value is expected", "and"),
    ("value <", "the expression ends after '<' where a value is expected", "<"),
    ("and value < 3", "the expression cannot begin with 'and': a value is expected", "and"),
    ("value < and active", "a value is expected after '<', not 'and'", "and"),
    ("active active", "an operator is expected between 'active' and 'active', such as 'and'", "active"),
    ("value = 3", "'=' is not an operator: write '==' to compare", "="),
    ("active && active", "'&' is not an operator: write 'and'", "&"),
    ("active || active", "'|' is not an operator: write 'or'", "|"),
    ("!active", "'!' is not an operator: write 'not'", "!"),
    ("active AND active", "'AND' is not an operator: write 'and', in lower case", "AND"),
    ("value is null", "'is' is not an operator: write '== null' or '!= null'", "is"),
    ("value between 1 and 2", "'between' is not an operator: write 'value >= a and value <= b'", "between"),
    ("1 < value < 3", "comparisons do not chain: write 'a < b and b < c', or use brackets", "<"),
    ("tier in ('gold', 'pro')", "a comma stands only in a set, which is written in square brackets: ['a', 'b']", ","),
    ("active # why\nor active", "a comment may only stand at the end of the expression", "#"),
    ("value <\u00a03", "'\\xa0' is not part of the language: write a plain blank", "\u00a0"),
    ("value \u2265 3", "'\u2265' is not part of the language: write '>='", "\u2265"),
    ("value \u2212 1 > 3", "'\u2212' is not part of the language: write '-'", "\u2212"),
    ("tier == \u2018gold\u2019", "'\u2018' is not part of the language: write ' around a text", "\u2018"),
    ("value => 3", "'=>' is not an operator: write '>='", "=>"),
    ("value === 3", "'===' is not an operator: write '=='", "==="),
    ("value =! 3", "'=!' is not an operator: write '!='", "=!"),
    ("value > 5m", "a number has no unit: write 5; a span of time is written t'PT5M' or t'P1D'", "m"),
    ("value > 1 unless active", "'unless' is not an operator: write 'and not'", "unless"),
    # texts and instants without quotes
    ("tier == gold", "unknown fact 'gold'; if it is a text, quote it: 'gold'", "gold"),
    ("gold != tier", "unknown fact 'gold'; if it is a text, quote it: 'gold'", "gold"),
    ("tier in ['free', gold]", "unknown fact 'gold'; if it is a text, quote it: 'gold'", "gold"),
    ("tier == teir", "unknown fact 'teir'; did you mean 'tier'?; if it is a text, quote it: 'teir'", "teir"),
    ("created_at > 2025-01-31", "an instant is written in quotes: write d'2025-01-31'", "2025-01-31"),
    ("created_at > 2025-12-31", "an instant is written in quotes: write d'2025-12-31'", "2025-12-31"),
    ("value > 1 and created_at > 2025-12-31T12:00:00Z",
     "an instant is written in quotes: write d'2025-12-31T12:00:00Z'", "2025-12-31T12:00:00Z"),
    # literals
    ("value < 1e999", "'1e999' is too large for a number", "1e999"),
    ("value < 010", "'010' begins with 0: write 10", "010"),
    ("value < inf", "'inf' is not a value: such a number counts as missing; write '== null' to test for it", "inf"),
    ("created_at < d'2025-13-01'", "this is no instant: write one as d'2026-01-31T12:00:00Z'", "d'2025-13-01'"),
    ("created_at < d'1066-10-14'", "an instant lies between the years 1900 and 2299", "d'1066-10-14'"),
    ("$now - created_at > t'7 days'",
     "this is no span of time: write one as t'P1DT12H' (days, hours; M and S for minutes, seconds)", "t'7 days'"),
    ("kpi == '\\ud800'", "the text has half of a surrogate pair, which no UTF-8 text can hold: write the character",
     "'\\ud800'"),
    # regular expressions
    ("kpi =~ '(a'", "RE2 does not take this regular expression: missing ): (a; close the bracket, or write [(] for the "
     "character itself", "'(a'"),
    ("kpi =~ '(?=a)'", "RE2 does not take this regular expression: invalid perl operator: (?=; "
     "RE2 has neither look-around nor atomic groups: write it without", "'(?=a)'"),
    ("kpi =~ '(.)\\\\1'", "RE2 does not take this regular expression: invalid escape sequence: \\1; RE2 has no "
     "back-references: write it without", "'(.)\\\\1'"),
    ("kpi =~ 'a{1000}{1000}'", "RE2 does not take this regular expression: bad repetition operator: {1000}{1000}; "
     "only one repetition stands behind something: put brackets around it", "'a{1000}{1000}'"),
    ("kpi =~ 'a)'", "RE2 does not take this regular expression: unexpected ): a); open the bracket before, or write "
     "[)] for the character itself", "'a)'"),
    ("kpi =~ '*a'", "RE2 does not take this regular expression: no argument for repetition operator: *; something must "
     "stand before it, or write [*], [+], [?] for the character", "'*a'"),
    ("kpi =~ tier", "a regular expression must be written out as a text", "tier"),
    ("value =~ 'a'", "a regular expression needs a text, not a number", "value"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message", "fragment"), MISTAKES, ids=[text[:40] or "empty" for text, _, _ in MISTAKES]
)
def test_a_mistake_is_named_with_its_place(text: str, message: str, fragment: str) -> None:
    """The message says what is wrong and what to write; start and length cut the fragment out of the text."""
    with pytest.raises(ExpressionError) as raised:
        compile_expression(text, FACTS)
    error = raised.value
    assert (error.message, error.fragment) == (message, fragment)
    assert error.start is not None
    assert text[error.start : error.start + error.length] == fragment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("value < 1" + " " * 5000, "the expression has 5009 bytes, 4096 are allowed: split it into several rules"),
        (" or ".join(["value < 1"] * 80), "the expression has more than 200 nodes: split it into several rules"),
        ("not " * 40 + "active", "the expression is nested deeper than 32: split it into several rules"),
        ("-" * 4000 + "value < 1", "the expression is nested deeper than 32: split it into several rules"),
        ("(" * 2000 + "active" + ")" * 2000, "brackets are nested deeper than 32: split it into several rules"),
        ("kpi in " + "[" * 2000 + "]" * 2000, "brackets are nested deeper than 32: split it into several rules"),
    ],
    ids=["too long", "too many nodes", "nots", "minuses", "brackets", "sets"],
)
def test_size_is_bounded(text: str, message: str) -> None:
    """Long, wide and deep expressions are refused, without exhausting anything."""
    with pytest.raises(ExpressionError) as raised:
        compile_expression(text, FACTS)
    assert raised.value.message == message


def test_limits_leave_room() -> None:
    """A long chain of one connective is flat, and a set is one node however many members it has."""
    compile_expression(" and ".join(["value < 1"] * 60), FACTS)
    codes = ", ".join(f"'c{number}'" for number in range(400))
    assert compile_expression(f"kpi in [{codes}]", FACTS).evaluate({"kpi": "c399"}) is True


def test_nothing_is_computed_while_reading() -> None:
    """rule-engine would compute these powers while it parses; here they are refused at once."""
    started = time.perf_counter()
    with pytest.raises(ExpressionError, match="not part of the language"):
        compile_expression("9 ** 9 ** 9 ** 9 ** 9 > value", FACTS)
    assert time.perf_counter() - started < 1


def test_a_catastrophic_regex_is_linear() -> None:
    """A pattern on which a backtracking engine would run for years takes time in proportion to the text."""
    expression = compile_expression("kpi =~ '(a+)+$'", FACTS)
    started = time.perf_counter()
    assert expression.evaluate({"kpi": "a" * 100_000 + "b"}) is False
    assert time.perf_counter() - started < 1


def test_threads_compile_side_by_side() -> None:
    """Expressions compiled by several threads at once do not get into one another."""
    texts = [f"kpi == 'k{number}' and value < {number} or tier in ['a', 'b']" for number in range(100)]
    with ThreadPoolExecutor(4) as pool:
        compiled = list(pool.map(lambda text: compile_expression(text, FACTS), texts * 4))
    for number, expression in enumerate(compiled):
        assert expression.evaluate({"kpi": f"k{number % 100}", "value": -1, "tier": "c"}) is True
