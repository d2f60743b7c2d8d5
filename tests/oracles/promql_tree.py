"""Reads PromQL into a tree, as far as rules of alerts go; what is not of its grammar raises NotPromqlError."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SPAN = r"(?:[0-9]+(?:ms|[smhdwy]))+"
_TOKENS = re.compile(
    rf"""(?P<blank>\s+|\#[^\n]*)
    |(?P<span>\[{_SPAN}(?::(?:{_SPAN})?)?\])
    |(?P<number>0x[0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![a-zA-Z0-9_])|[iI]nf\b|[nN]a[nN]\b)
    |(?P<length>{_SPAN})(?![a-zA-Z0-9_])
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){{}},@])""",
    re.VERBOSE,
)
_LEVELS = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    frozenset({"==", "!=", "<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%", "atan2"}),
)
AGGREGATIONS = frozenset(
    {"sum", "min", "max", "avg", "count", "stddev", "stdvar", "group", "topk", "bottomk", "quantile", "count_values"}
)
_FUNCTIONS = re.compile(
    "abs|absent|absent_over_time|avg_over_time|ceil|changes|clamp|clamp_max|clamp_min|count_over_time"
    "|day_of_month|day_of_week|day_of_year|days_in_month|delta|deriv|exp|floor|histogram_quantile"
    "|holt_winters|hour|idelta|increase|irate|label_join|label_replace|last_over_time|ln|log10|log2"
    "|max_over_time|min_over_time|minute|month|predict_linear|present_over_time|quantile_over_time|rate"
    "|resets|round|scalar|sgn|sort|sort_desc|sqrt|stddev_over_time|stdvar_over_time|sum_over_time|time"
    "|timestamp|vector|year"
)


class NotPromqlError(Exception):
    """The text is not of PromQL's grammar."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric with what selects its series, a window, and how far back it looks."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...] = ()
    window: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    written: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an aggregation with the labels that it keeps (`by`) or drops (`without`)."""

    name: str
    parts: tuple[Tree, ...]
    grouping: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Two sides; `matching` is how their series are matched where it is said."""

    sign: str
    left: Tree
    right: Tree
    bool_: bool = False
    matching: str = ""


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus before something."""

    part: Tree


Tree = Selector | Number | Quoted | Call | Binary | Negative


def read_promql(text: str) -> Tree:
    """The tree of an expression."""
    reading = _Reading(text)
    tree = reading.expression(0)
    reading.end()
    return tree


@dataclass
class _Reading:
    text: str
    tokens: list[tuple[str, str]] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        place = 0
        while place < len(self.text):
            match = _TOKENS.match(self.text, place)
            if match is None:
                raise NotPromqlError(f"{self.text[place : place + 10]!r} at {place}")
            if match.lastgroup != "blank":
                self.tokens.append((str(match.lastgroup), match[0]))
            place = match.end()

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ("end", "")

    def take(self, wanted: str = "") -> str:
        kind, text = self.peek()
        if kind == "end" or (wanted and text != wanted):
            raise NotPromqlError(f"{text or 'the end'!r} instead of {wanted or 'something'!r}")
        self.at += 1
        return text

    def end(self) -> None:
        if self.peek()[0] != "end":
            raise NotPromqlError(f"{self.peek()[1]!r} is too much")

    def expression(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self.power()
        left = self.expression(level + 1)
        while self.peek()[1].lower() in _LEVELS[level]:
            sign = self.take().lower()
            bool_ = self.peek()[1] == "bool"
            if bool_:
                self.take()
            matching = self.matching()
            left = Binary(sign, left, self.expression(level + 1), bool_, matching)
        return left

    def matching(self) -> str:
        words = []
        while self.peek()[1].lower() in {"on", "ignoring", "group_left", "group_right"}:
            words.append(self.take().lower())
            if self.peek()[1] == "(":
                self.labels()
        return " ".join(words)

    def power(self) -> Tree:
        if self.peek()[1] in {"-", "+"}:
            sign = self.take()
            part = self.power()
            return Negative(part) if sign == "-" else part
        left = self.postfix()
        if self.peek()[1] == "^":
            self.take()
            return Binary("^", left, self.power())
        return left

    def postfix(self) -> Tree:
        tree = self.atom()
        while True:
            kind, text = self.peek()
            if kind == "span":
                window = self.take()[1:-1]
                if not isinstance(tree, Selector) or ":" in window:
                    tree = Call("subquery", (tree,))
                else:
                    tree = Selector(tree.metric, tree.matchers, window, tree.offset)
            elif text.lower() == "offset":
                self.take()
                minus = "-" if self.peek()[1] == "-" and self.take() else ""
                if self.peek()[0] != "length":
                    raise NotPromqlError(f"offset {self.peek()[1]!r}")
                offset = minus + self.take()
                if isinstance(tree, Selector):
                    tree = Selector(tree.metric, tree.matchers, tree.window, offset)
            elif text == "@":
                self.take()
                self.power()
                tree = Call("at", (tree,))
            else:
                return tree

    def atom(self) -> Tree:  # noqa: PLR0911 - one case for each form
        kind, text = self.peek()
        if text == "(":
            self.take()
            inner = self.expression(0)
            self.take(")")
            return inner
        if text == "{":
            return Selector("", self.matchers())
        self.take()
        if kind == "number":
            return Number(text)
        if kind == "text":
            return Quoted(text[1:-1])
        if kind != "name":
            raise NotPromqlError(f"{text!r} begins nothing")
        if text.lower() in AGGREGATIONS and self.peek()[1].lower() in {"(", "by", "without"}:
            return self.aggregation(text.lower())
        if self.peek()[1] == "(":
            if not _FUNCTIONS.fullmatch(text):
                raise NotPromqlError(f"no function {text!r}")
            return Call(text, self.arguments())
        return Selector(text, self.matchers() if self.peek()[1] == "{" else ())

    def aggregation(self, name: str) -> Tree:
        grouping, labels = self.grouping()
        parts = self.arguments()
        if not grouping:
            grouping, labels = self.grouping()
        return Call(name, parts, grouping or "by", labels)

    def grouping(self) -> tuple[str, tuple[str, ...]]:
        if self.peek()[1].lower() not in {"by", "without"}:
            return "", ()
        return self.take().lower(), self.labels()

    def labels(self) -> tuple[str, ...]:
        self.take("(")
        found = []
        while self.peek()[1] != ")":
            found.append(self.take())
            if self.peek()[1] == ",":
                self.take()
        self.take(")")
        return tuple(found)

    def arguments(self) -> tuple[Tree, ...]:
        self.take("(")
        found: list[Tree] = []
        while self.peek()[1] != ")":
            found.append(self.expression(0))
            if self.peek()[1] == ",":
                self.take()
            elif self.peek()[1] != ")":
                raise NotPromqlError(f"{self.peek()[1]!r} among arguments")
        self.take(")")
        return tuple(found)

    def matchers(self) -> tuple[tuple[str, str, str], ...]:
        self.take("{")
        found = []
        while self.peek()[1] != "}":
            name, sign, kind = self.take(), self.take(), self.peek()[0]
            value = self.take()
            if sign not in {"=", "!=", "=~", "!~"} or kind != "text":
                raise NotPromqlError(f"{name}{sign}{value} selects nothing")
            found.append((name, sign, value[1:-1]))
            if self.peek()[1] == ",":
                self.take()
        self.take("}")
        return tuple(found)
