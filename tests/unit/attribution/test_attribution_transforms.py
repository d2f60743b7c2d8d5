"""Path transforms: which touches of a path count."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.transforms import Transform, TransformKind, kept_touches, transformed
from trueline_server.errors import TruelineError

from tests.oracles.plain_attribution import Row
from tests.unit.attribution.journeys import paths_of, rows

KINDS = [Transform(kind, last=2, channel="d") for kind in TransformKind]


def after(touches: Sequence[str], transform: Transform) -> list[str]:
    """Names of the touches of one path after a transform."""
    paths = transformed(Paths.of([(touches, 1, 1, 0)]), transform)
    return [paths.channels[code] for code in paths.codes]


def names_of(paths: Paths) -> list[tuple[str, ...]]:
    """The touches of each path by name."""
    bounds = zip(paths.offsets[:-1], paths.offsets[1:], strict=True)
    return [tuple(paths.channels[code] for code in paths.codes[begin:end]) for begin, end in bounds]


@pytest.mark.parametrize(
    ("kind", "touches", "expected"),
    [
        ("unique", "aaba", ["a", "a", "b", "a"]),
        ("exposure", "aabba", ["a", "b", "a"]),
        ("first", "abacb", ["a", "b", "c"]),
        ("frequency", "abacb", ["a(2)", "b(2)", "c(1)"]),
        ("frequency", "bab", ["b(2)", "a(1)"]),
        ("trim", "abc", ["b", "c"]),
        ("trim", "a", ["a"]),
        ("without", "dadbd", ["a", "b"]),
        ("without", "dd", ["d", "d"]),
        ("without_last", "dadbdd", ["d", "a", "d", "b"]),
        ("without_last", "dd", ["d", "d"]),
        ("without_last", "ab", ["a", "b"]),
    ],
)
def test_by_hand(kind: str, touches: str, expected: list[str]) -> None:
    """Each transform, on paths of single letters; trim leaves two touches, d is direct."""
    assert after(touches, Transform(TransformKind(kind), last=2, channel="d")) == expected


@given(found=rows, transform=st.sampled_from(KINDS))
def test_nothing_is_lost(found: list[Row], transform: Transform) -> None:
    """What came of paths stays in all; a path with a touch keeps one, and no path is there twice."""
    paths = paths_of(found)
    changed = transformed(paths, transform)

    for column in ("conversions", "value", "nulls"):
        assert getattr(changed, column).sum() == pytest.approx(getattr(paths, column).sum(), abs=1e-9)
    assert (changed.lengths > 0).all()
    touches = [tuple(changed.codes[a:b]) for a, b in zip(changed.offsets[:-1], changed.offsets[1:], strict=True)]
    assert len(touches) == len(set(touches))


@given(found=rows, transform=st.sampled_from(KINDS))
def test_paths_do_not_know_each_other(found: list[Row], transform: Transform) -> None:
    """A path is changed among others as it is alone."""
    changed = names_of(transformed(paths_of(found), transform))
    alone = [tuple(after(row.touches, transform)) for row in found]
    assert changed == list(dict.fromkeys(alone))


@given(found=rows, transform=st.sampled_from([one for one in KINDS if one.kind != "frequency"]))
def test_twice_is_once(found: list[Row], transform: Transform) -> None:
    """What a transform left, it leaves again."""
    once = transformed(paths_of(found), transform)
    assert names_of(transformed(once, transform)) == names_of(once)


def test_in_turn() -> None:
    """Several transforms go one after the other: the last two of all, then each channel once."""
    trim, first = Transform(TransformKind.TRIM, last=2), Transform(TransformKind.FIRST)
    paths = Paths.of([("abb", 1, 5, 0), ("cb", 2, 0, 1), ("acb", 1, -1, 1)])
    changed = transformed(paths, trim, first)
    assert names_of(changed) == [("b",), ("c", "b")]
    assert (changed.conversions.tolist(), changed.value.tolist(), changed.nulls.tolist()) == ([1, 3], [5, -1], [0, 2])


def test_channels_that_look_counted() -> None:
    """A channel that is called as a count would be is still another one."""
    changed = transformed(Paths.of([(("a", "a"), 1, 0, 0), (("a(2)",), 1, 0, 0)]), Transform(TransformKind.FREQUENCY))
    assert names_of(changed) == [("a(2)",), ("a(2)(1)",)]
    assert len(set(changed.codes.tolist())) == 2


def test_which_touch_stays() -> None:
    """Of a run the first touch stays, so that its time is that of the first exposure."""
    paths = Paths.of([("aaba", 1, 0, 0)])
    kept = kept_touches(paths.codes, paths.offsets, Transform(TransformKind.EXPOSURE), paths.channels)
    assert kept.tolist() == [True, False, True, True]


def test_nothing_to_trim_to() -> None:
    """A trim to no touch is refused."""
    with pytest.raises(TruelineError, match="at least 1 touch for trim, got 0"):
        Transform(TransformKind.TRIM)
