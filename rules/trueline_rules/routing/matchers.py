"""Matchers of labels: what they are, how they are written, and whether they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.expressions.regexes import RegexError, compile_regex
from trueline_rules.names import quoted

MOST_BYTES = 1024
_SIGNS = "!=~<>"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRITTEN = re.compile(rf"(?P<name>[^{_SIGNS}]*)(?P<op>[{_SIGNS}]*)\s*(?P<value>.*?)\s*", re.DOTALL)
_QUOTED = re.compile(r'"(?P<inner>(?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_INSTEAD = {"==": "=", "~": "=~", "~=": "=~", "=!": "!=", "<>": "!=", "!": "!=", "!=~": "!~", "==~": "=~"}
# Letters that mean something else to a YAML reader, to a shell or to another matcher beside this one.
_PLAIN = re.compile(r"[^\s\"'`,{}\\=~!<>]+(?: +[^\s\"'`,{}\\=~!<>]+)*")


# Letters that mean themselves in a regular expression; of them, choices between words are known without RE2, and what
# any other expression begins with rules most values out before RE2 is asked.
_LITERAL = "[A-Za-z0-9_ /:@,-]"
_WORDS = re.compile(rf"{_LITERAL}*(\|{_LITERAL}*)*")
_PREFIX = re.compile(rf"{_LITERAL}*(?![*?+{{])")


class MatcherError(ValueError):
    """A text is no matcher; it says why, and what to write instead."""


class MatchOp(StrEnum):
    """How the value of a label is compared; regular expressions must match all of it."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """What the value of one label must be; a label that is absent has the value "".

    Attributes:
        name: of the label.
        op: how its value is compared.
        value: with what; a regular expression of RE2 for REGEX and NOT_REGEX.

    Raises:
        MatcherError: the value is no regular expression of RE2.

    """

    name: str
    op: MatchOp
    value: str
    _holds: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_holds", _test(self.op, self.value))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels match."""
        return self._holds(labels.get(self.name, ""))

    def holds(self, value: str) -> bool:
        """Tell whether a value of the label matches; "" = the label is absent."""
        return self._holds(value)

    @property
    def values(self) -> tuple[str, ...] | None:
        """All values that match, if these can be listed: those of an equality, and of a choice between words."""
        if self.op is MatchOp.EQUAL:
            return (self.value,)
        return _words(self.value) if self.op is MatchOp.REGEX else None

    def __str__(self) -> str:
        """`severity="critical"`, as `parse_matcher` reads it."""
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{value}"'


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Tell whether labels match all of some matchers; without matchers they do."""
    return all(matcher.matches(labels) for matcher in matchers)


def match_everything(matchers: Iterable[Matcher]) -> bool:
    """Tell whether even an alert without labels matches, so that nothing is asked of an alert."""
    return all(matcher.holds("") for matcher in matchers)


def parse_matcher(text: str) -> Matcher:
    r"""Read a matcher: `severity="critical"`, `team=billing`, `service=~"foo|bar"`, `region!="eu"`, `kpi!~"mrr.*"`.

    Quotes may be left out around words; inside of them `\"`, `\\` and `\n` are written with a backslash.

    Raises:
        MatcherError: it is none.

    """
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise MatcherError(f"must have at most {MOST_BYTES} bytes")
    found = _WRITTEN.fullmatch(text)
    name, op, value = (found["name"].strip(), found["op"], found["value"]) if found is not None else ("", "", "")
    if text.strip().startswith("{"):
        raise MatcherError(f"is {quoted(text)}; write each matcher by itself, without braces")
    if not op:
        raise MatcherError(f'is {quoted(text)}, which has no sign; write {name or "label"}="value", or !=, =~, !~')
    if not _NAME.fullmatch(name):
        told = "has no label before the sign" if not name else f"begins with {quoted(name)}, which is no label's name"
        raise MatcherError(f'{told}; a label has letters, digits and "_" and begins with no digit')
    if op not in set(MatchOp):
        raise MatcherError(f"has the sign {quoted(op)}; write {_INSTEAD.get(op, 'one of = != =~ !~')}")
    return Matcher(name, MatchOp(op), _value(value, name, op))


def _value(written: str, name: str, op: str) -> str:
    """The value between quotes, or a word without them."""
    if written.startswith('"'):
        found = _QUOTED.fullmatch(written)
        if found is None:
            raise MatcherError(f'has the value {quoted(written)}; quotes open and close once: {name}{op}"value"')
        # A backslash before anything else stands for itself, so that regular expressions need not write it twice.
        return _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), found["inner"])
    if written.startswith("'"):
        raise MatcherError(f'has the value {quoted(written)}; a value has double quotes: {name}{op}"value"')
    if written and not _PLAIN.fullmatch(written) and op in {"=", "!="}:
        raise MatcherError(f'has the value {quoted(written)}; put it in quotes: {name}{op}"value"')
    return written


def _test(op: MatchOp, value: str) -> Callable[[str], bool]:
    if op is MatchOp.EQUAL:
        return value.__eq__
    if op is MatchOp.NOT_EQUAL:
        return value.__ne__
    found = _regex(value)
    return found if op is MatchOp.REGEX else lambda text: not found(text)


def _regex(value: str) -> Callable[[str], bool]:
    try:
        # By itself first: brackets that close what they did not open would else get out of those around them.
        compile_regex(value, search=False)
        found = compile_regex(f"(?:{value})$", search=False)
    except RegexError as error:
        raise MatcherError(f"has no regular expression in {quoted(value)}: {error}") from None
    words = _words(value)
    if words is not None:
        return frozenset(words).__contains__
    prefix = "" if "|" in value else _prefix(value)
    return (lambda text: text.startswith(prefix) and found(text)) if prefix else found


def _words(value: str) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(value.split("|"))) if _WORDS.fullmatch(value) else None


def _prefix(value: str) -> str:
    """What every text that matches begins with, as far as it can be told at a glance."""
    found = _PREFIX.match(value)
    return found[0] if found is not None else ""
