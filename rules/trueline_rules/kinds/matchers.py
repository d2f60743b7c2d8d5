"""Shape of the matchers of labels that routes, inhibitions, silences and maintenance have."""

from __future__ import annotations

from collections.abc import Iterable

from trueline_rules.records import ListOf
from trueline_rules.routing.matchers import MOST_BYTES, Matcher, MatcherError, parse_matcher
from trueline_rules.scalars import Text

MOST_MATCHERS = 64


def _wrong(text: str) -> str | None:
    try:
        parse_matcher(text)
    except MatcherError as error:
        return str(error)
    return None


MATCHER = Text(
    'a matcher such as severity="critical"',
    most=MOST_BYTES,
    lines=True,
    examples=('severity="critical"', 'service=~"billing|payments"', 'region!="eu"'),
    check=_wrong,
)
MATCHERS = ListOf(MATCHER, most=MOST_MATCHERS)


def read_matchers(written: Iterable[str]) -> tuple[Matcher, ...]:
    """Read what MATCHERS took."""
    return tuple(parse_matcher(text) for text in written)


def write_matchers(matchers: Iterable[Matcher]) -> list[str]:
    """Write matchers as they are read."""
    return [str(matcher) for matcher in matchers]
