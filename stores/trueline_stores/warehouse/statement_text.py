"""The text of a KPI statement as tokens: what ClickHouse never sees, its parameters and its own names."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from trueline_stores.errors import StatementRefusedError

LONGEST_STATEMENT = 16 * 1024

# Whatever is not one of these is refused, so that this reading and ClickHouse's cannot differ about where a string or a
# comment ends: no heredocs, no escapes or odd characters in quoted names, no typographic quotes, no nested comments.
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
    |(?P<comment>--[^\n]*|/\*(?:(?!/\*).)*?\*/)
    |(?P<string>'(?:[^'\\]|\\.|'')*')
    |(?P<quoted>`[A-Za-z_][A-Za-z0-9_]*`|"[A-Za-z_][A-Za-z0-9_]*")
    |(?P<parameter>\{\s*[A-Za-z_][A-Za-z0-9_]*\s*:[^{}]*\})
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][0-9A-Za-z_.]*)
    |(?P<symbol>/(?!\*)|[-+*%=<>!(),.?:|\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_PARAMETER = re.compile(r"\{\s*(\w+)\s*:\s*(.*?)\s*\}", re.DOTALL)
_SCALAR = r"(?:String|Bool|U?Int(?:8|16|32|64)|Float(?:32|64)|Date|Date32)"
_TYPE = re.compile(rf"{_SCALAR}|Nullable\({_SCALAR}\)|Array\({_SCALAR}\)|Decimal\(\s*\d+\s*,\s*\d+\s*\)")
_INSTANT_TYPE = re.compile(r"DateTime(?:64\(\s*(\d)\s*(?:,\s*'UTC'\s*)?\)|\('UTC'\))?")
# Parameters that the server binds; a rule file cannot declare or read others of this prefix.
RESERVED = "trueline_"


@dataclass(frozen=True, slots=True)
class StatementText:
    """A statement without comments.

    Attributes:
        sql: the text to run; its parameters read instants as UTC.
        parameters: names of the parameters that it reads.
        own_names: names of its common table expressions.
        begins: of each of its parts in turn, where it begins in `sql` and in the statement as written.
        words: names and texts in it, in lower case and without quotes, and where each first stands as written.

    """

    sql: str
    parameters: frozenset[str]
    own_names: frozenset[str]
    begins: tuple[tuple[int, int], ...] = ((0, 0),)
    words: Mapping[str, int] = field(default_factory=dict)

    def written_at(self, position: int) -> int:
        """The offset in the statement as written of a byte of `sql`, both from 0."""
        before = len(self.sql.encode()[:position].decode(errors="ignore"))
        in_sql, as_written = self.begins[max(bisect_right(self.begins, before, key=lambda part: part[0]) - 1, 0)]
        return as_written + max(before - in_sql, 0)

    def find(self, name: str) -> int | None:
        """Where a name, or the database that it begins with, first stands as written; None if nowhere."""
        return self.words.get(name.lower(), self.words.get(name.lower().partition(".")[0]))


def read_statement(statement: str, declared: Mapping[str, object]) -> StatementText:
    """Read a statement.

    Args:
        statement: as written.
        declared: parameters that it may read, beside `at`.

    Raises:
        StatementRefusedError: naming what is refused and the way out.

    """
    if len(statement) > LONGEST_STATEMENT:
        raise StatementRefusedError(f"the statement has {len(statement)} characters; {LONGEST_STATEMENT} are allowed")
    tokens = _tokens(statement)
    starts = tuple(accumulate((len(text) for _, text in tokens), initial=0))
    parameters: set[str] = set()
    parts: list[str] = []
    for (kind, text), start in zip(tokens, starts, strict=False):
        if kind == "parameter":
            name, part = _parameter(text, declared, start)
            parameters.add(name)
            parts.append(part)
        else:
            parts.append(" " if kind == "comment" else text)
    whole = "".join(parts)
    sql = whole.strip()
    cut = len(whole) - len(whole.lstrip())
    begins = (at - cut for at in accumulate((len(part) for part in parts), initial=0))
    return StatementText(
        sql, frozenset(parameters), _own_names(tokens), tuple(zip(begins, starts, strict=True)), _words(tokens, starts)
    )


def _tokens(statement: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(statement):
        match = _TOKEN.match(statement, position)
        if match is None:
            raise _odd_character(statement, position)
        tokens.append((match.lastgroup or "", match.group()))
        position = match.end()
    return tokens


def _odd_character(statement: str, position: int) -> StatementRefusedError:
    line = statement.count("\n", 0, position) + 1
    char = statement[position]
    ways_out = {
        ";": "a statement is one SELECT; leave the semicolon out",
        "`": "quoted names may hold letters, digits and _ only",
        '"': "quoted names may hold letters, digits and _ only",
        "{": "a parameter is written {name:Type}, a map is written map(key, value)",
        "#": "comments start with --",
        "$": "text is written in single quotes",
        "'": "a text in single quotes does not end",
        "/": "a comment does not end, or has another one within",
    }
    way_out = ways_out.get(char, "outside of texts only SQL's plain ASCII characters are read")
    return StatementRefusedError(f"line {line}: {char!r} is refused: {way_out}", offset=position)


def _words(tokens: list[tuple[str, str]], starts: tuple[int, ...]) -> dict[str, int]:
    words: dict[str, int] = {}
    for (kind, text), start in zip(tokens, starts, strict=False):
        if kind in {"word", "quoted", "string"}:
            words.setdefault(text.strip("`\"'").lower(), start)
    return words


def _parameter(text: str, declared: Mapping[str, object], start: int) -> tuple[str, str]:
    """Name and text of a parameter, its instants read as UTC whatever the time zone of the machine."""
    match = _PARAMETER.fullmatch(text)
    assert match is not None
    name, of = match.groups()
    if name.startswith(RESERVED) or (name != "at" and name not in declared):
        known = ", ".join(sorted({"at", *declared}))
        raise StatementRefusedError(f"the parameter '{name}' is not declared; declared are: {known}", offset=start)
    instant = _INSTANT_TYPE.fullmatch(of)
    if instant is not None:
        of = f"DateTime64({instant.group(1)}, 'UTC')" if instant.group(1) else "DateTime('UTC')"
    elif not _TYPE.fullmatch(of):
        raise StatementRefusedError(
            f"the parameter '{name}' has type {of or 'nothing'}; allowed are String, Bool, Int8 to UInt64, Float32, "
            "Float64, Date, DateTime, DateTime64(n), Decimal(p, s), and Nullable or Array of the simple ones",
            offset=start,
        )
    return name, f"{{{name}:{of}}}"


def _own_names(tokens: list[tuple[str, str]]) -> frozenset[str]:
    """Names of common table expressions: `name AS (SELECT …` or `name AS (WITH …`. EXPLAIN AST does not tell them."""
    solid = [(kind, text) for kind, text in tokens if kind not in ("space", "comment")]
    names = set()
    for (kind, name), (_, word), (_, bracket), (_, first) in zip(solid, solid[1:], solid[2:], solid[3:], strict=False):
        if (
            kind in ("word", "quoted")
            and word.upper() == "AS"
            and bracket == "("
            and first.upper() in ("SELECT", "WITH")
        ):
            names.add(name.strip('`"'))
    return frozenset(names)
