"""Pictures of attribution: what they say, that nothing is cut off, and that the same numbers give the same bytes."""

from __future__ import annotations

import itertools
import random
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from trueline import (
    AttributionAbout,
    AttributionReport,
    AttributionRow,
    AttributionTotals,
    ChannelComparison,
    ChannelPaths,
    ModelComparison,
    ModelCredit,
    ModelShare,
    PathEdge,
    PathEnd,
)
from trueline_cli.app import main
from trueline_cli.attribution.bars import draw_comparison, draw_report
from trueline_cli.attribution.charts import COLOURS, colours, fitted, save_chart, styled, width
from trueline_cli.attribution.sankey import MOST_CHANNELS, Kind, draw_paths, flows_of, top_channels
from trueline_cli.attribution.tables import show_report

Journey = tuple[Sequence[str], int, int]
NINE = ("first", "last", "last_non_direct", "linear", "time_decay", "position", "w_shaped", "markov", "shapley")
ODD = (
    "a very long name " * 500,
    "$x^2$ & <b>\x00\n",
    "",
    "(start)",
    "conversion",
    "名前がとても長いチャネルの名前です",
    "a > b, c",
)
MANY = (*(f"channel_{number:02d}" for number in range(24)), *ODD)
FEW = ("paid_search", "social", "newsletter")
ABOUT = AttributionAbout(
    "d" * 63, "r", "c" * 63, "USD", *(datetime(2026, 3, day, tzinfo=UTC) for day in (1, 31)), datetime.now(UTC), 9
)
TOTALS = AttributionTotals(12_345_678, Decimal("98765432.10"), 4, Decimal("40.00"), Decimal(900))


def _paths(journeys: Iterable[Journey], most_steps: int = 11) -> ChannelPaths:
    """What the server says of journeys: the last of so many steps is all later ones."""
    moves: Counter[tuple[int, str, PathEnd, str]] = Counter()
    for touches, conversions, nulls in journeys:
        for step, (channel, after) in enumerate(itertools.pairwise(touches), start=1):
            moves[min(step, most_steps), channel, PathEnd.TOUCH, after] += conversions + nulls
        last = min(len(touches), most_steps), touches[-1]
        moves[*last, PathEnd.CONVERSION, ""] += conversions
        moves[*last, PathEnd.NULL, ""] += nulls
    return ChannelPaths(ABOUT, (), tuple(PathEdge(*move, count) for move, count in moves.items() if count), 1)


def _drawn_journeys(channels: Sequence[str], count: int = 300) -> ChannelPaths:
    source = random.Random(5)
    return _paths(
        (source.choices(channels, k=source.randint(1, 14)), source.randint(0, 90), source.randint(1, 900))
        for _ in range(count)
    )


def _comparison(channels: Sequence[str], models: Sequence[str]) -> ModelComparison:
    shares = {model: ModelShare(1.5, Decimal(3), 1 / max(len(channels), 1), 0.0, None, None) for model in models}
    compared = tuple(ChannelComparison(channel, shares, 0.0) for channel in channels)
    return ModelComparison(ABOUT, tuple(models), models[0], compared, TOTALS)


def _report(channels: Sequence[str], models: Sequence[str], value: str = "1234567.89") -> AttributionReport:
    rows = [
        AttributionRow(
            channel=channel,
            campaign="",
            day="",
            segment="",
            unattributed=unattributed,
            touches=3,
            cost=None if unattributed else Decimal(150 * place),
            credits={model: ModelCredit(1.0, Decimal(value) / (place + 1), None, None, None) for model in models},
        )
        for unattributed, named in ((False, channels), (True, ("",)))
        for place, channel in enumerate(named)
    ]
    return AttributionReport(ABOUT, tuple(rows), TOTALS, None, {})


PICTURES: dict[str, Callable[[], Figure]] = {
    "paths": lambda: draw_paths(_drawn_journeys(FEW)),
    "many channels": lambda: draw_paths(_drawn_journeys(MANY)),
    "odd names": lambda: draw_paths(_drawn_journeys(ODD)),
    "one channel": lambda: draw_paths(_paths([(["mail"], 3, 0)])),
    "no conversion": lambda: draw_paths(_paths([(["mail", "ads"], 0, 5), (["ads"], 0, 9)])),
    "one in a million": lambda: draw_paths(_paths([(["mail"], 10**6, 1), ([*FEW, *ODD], 1, 1)])),
    "no paths": lambda: draw_paths(_paths([])),
    "comparison": lambda: draw_comparison(_comparison(FEW, NINE)),
    "many compared": lambda: draw_comparison(_comparison(MANY, [f"model_{number}" for number in range(32)])),
    "one compared": lambda: draw_comparison(_comparison(["mail"], ["linear"])),
    "nothing to compare": lambda: draw_comparison(_comparison([], NINE)),
    "report": lambda: draw_report(_report(MANY, NINE)),
    "refunds": lambda: draw_report(_report(MANY, ["linear", "m" * 63], "-1234567.89")),
    "nothing earned": lambda: draw_report(_report(FEW, NINE, "0")),
    "empty report": lambda: draw_report(AttributionReport(ABOUT, (), TOTALS, None, {})),
}


def _saved(name: str, path: Path) -> bytes:
    with styled():
        save_chart(PICTURES[name](), path)
    return path.read_bytes()


def _texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_nothing_is_cut_off_and_no_labels_cross(name: str) -> None:
    """Every text lies on the page; of two texts none lies on the other."""
    with styled():
        figure = PICTURES[name]()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        # Numbers beyond the end of an axis are there, but nobody draws them.
        beyond = {tick.label1 for axes in figure.axes for tick in axes.xaxis.get_major_ticks()} - {
            tick.label1
            for axes in figure.axes
            for tick in axes.xaxis.get_major_ticks()
            if axes.get_xlim()[0] <= tick.get_loc() <= axes.get_xlim()[1]
        }
        boxes = [
            (text.get_text(), text.get_window_extent(canvas.get_renderer()))
            for text in figure.findobj(Text)
            if isinstance(text, Text) and text.get_text() and text.get_visible() and text not in beyond
        ]
    page = figure.bbox
    for told, box in boxes:
        assert page.x0 <= box.x0, told
        assert box.x1 <= page.x1, told
        assert page.y0 <= box.y0, told
        assert box.y1 <= page.y1, told
    for (told, box), (other, under) in itertools.combinations(boxes, 2):
        across = min(box.x1, under.x1) - max(box.x0, under.x0)
        along = min(box.y1, under.y1) - max(box.y0, under.y0)
        # Two pixels of a text's box are room around its letters.
        assert min(across, along) < 2, (told, other)


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_numbers_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Also later; a PNG is one, of a size that a screen or a page shows."""
    assert _saved(name, tmp_path / "a.svg") == _saved(name, tmp_path / "b.svg")
    picture = _saved(name, tmp_path / "a.PNG")
    assert picture == _saved(name, tmp_path / "b.png")
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    wide, high = struct.unpack(">II", picture[16:24])
    assert 900 <= wide <= 2600
    assert 200 <= high <= 4000


def test_paths_say_who_went_where(tmp_path: Path) -> None:
    """Names with numbers of journeys, what they are about, and how many converted in the end."""
    journeys: list[Journey] = [(["mail", "ads"], 3, 1), (["mail"], 0, 6), ([*("mail",) * 7], 10, 0)]
    with styled():
        save_chart(draw_paths(_paths(journeys)), tmp_path / "paths.svg")
    told = _texts((tmp_path / "paths.svg").read_bytes())
    assert {"mail  20", "ads  4", "later touches  10", "converted  13 (65.0 %)", "not converted  7 (35.0 %)"} <= {*told}
    assert any("20 journeys with a touch" in text for text in told)
    assert any("2026-03-01 00:00 to 2026-03-31 00:00 UTC" in text for text in told)
    assert {"touch 1", "touch 5", "later", "in the end"} <= {*told}


@pytest.mark.parametrize("touches", [1, 2, 3, 5])
def test_columns_of_paths_are_spread_over_the_width(touches: int) -> None:
    """However few they are, they are as far from each other, and only a label is right of the last one."""
    figure = draw_paths(_paths([(("mail", "ads", "mail", "ads", "mail")[:touches], 3, 2), (("ads",), 1, 5)]))
    heads = [f"touch {number + 1}" for number in range(touches)] + ["in the end"]
    found = {text.get_text(): text.get_position()[0] for text in figure.findobj(Text) if isinstance(text, Text)}
    places = [found[head] for head in heads]
    assert figure.get_figwidth() >= 8
    assert figure.get_figwidth() - places[-1] < 2.5
    steps = [after - before for before, after in itertools.pairwise(places)]
    assert min(steps) > 2
    assert steps == pytest.approx([steps[0]] * touches)


def test_bars_say_what_models_gave(tmp_path: Path) -> None:
    """Names of channels and models, amounts and their unit; what was spent, and what no touch led to."""
    with styled():
        save_chart(draw_report(_report(FEW, ["linear", "markov"])), tmp_path / "report.svg")
        save_chart(draw_comparison(_comparison(FEW, ["linear", "first"])), tmp_path / "comparison.svg")
    report = {*_texts((tmp_path / "report.svg").read_bytes())}
    assert {*FEW, "(no touch)", "linear", "markov", "cost", "USD", "1,234,568", "411,523"} <= report
    assert "12,345,678 conversions, 98,765,432.10 USD" in report
    comparison = {*_texts((tmp_path / "comparison.svg").read_bytes())}
    assert {*FEW, "linear", "first", "33.3", "% of the conversions that a touch led to"} <= comparison
    assert "12,345,674 of 12,345,678 conversions had a touch" in comparison


def test_a_report_without_touches_tells_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no conversion had a touch by the pack's document, another one of the pack is named; else it is not."""
    way_out = "--document self_reported"
    alone = replace(TOTALS, unattributed_conversions=TOTALS.conversions)
    default = replace(_report(FEW, ["last"]), about=replace(ABOUT, document="default"), totals=alone)
    for report, told in (
        (default, True),
        (replace(default, totals=TOTALS), False),
        (replace(default, about=ABOUT), False),
        (replace(default, totals=replace(alone, conversions=0, unattributed_conversions=0)), False),
    ):
        show_report(report)
        assert (way_out in capsys.readouterr().out) == told


def test_of_many_names_the_smallest_are_one(tmp_path: Path) -> None:
    """What they have is added up, and how many they are is told."""
    with styled():
        save_chart(draw_comparison(_comparison(MANY, ["linear"])), tmp_path / "a.svg")
    told = {*_texts((tmp_path / "a.svg").read_bytes())}
    assert f"{len(MANY) - 12} others" in told
    assert f"{100 * (len(MANY) - 12) / len(MANY):.1f}" in told


@given(
    st.lists(st.tuples(st.lists(st.sampled_from(MANY), min_size=1, max_size=15), st.integers(0, 9), st.integers(1, 9)))
)
def test_no_journey_is_lost_between_columns(journeys: list[Journey]) -> None:
    """Each is in every column once, enters a node as often as it leaves it, and in the end has converted or not."""
    paths = _paths(journeys)
    flows = flows_of(paths.edges, top_channels(paths.edges))
    totals: Counter[int] = Counter()
    balance: Counter[tuple[int, object]] = Counter()
    for (column, before, after), count in flows.items():
        totals[column] += count
        balance[column, before] -= count
        balance[column + 1, after] += count
    assert set(totals.values()) <= {sum(conversions + nulls for _, conversions, nulls in journeys)}
    last = max(totals, default=-1) + 1
    assert all(not left for (column, _), left in balance.items() if 0 < column < last)
    ended = {node.kind: left for (column, node), left in balance.items() if column == last}  # type: ignore[attr-defined]
    assert ended.get(Kind.CONVERTED, 0) == sum(conversions for _, conversions, _ in journeys)
    assert ended.get(Kind.LOST, 0) == sum(nulls for _, _, nulls in journeys)
    assert set(ended) <= {Kind.CONVERTED, Kind.LOST}
    assert len({node for _, node, _ in flows if node.kind is Kind.CHANNEL}) <= MOST_CHANNELS


@given(st.sets(st.text(max_size=5), max_size=4 * len(COLOURS)))
def test_colours_tell_names_apart(names: set[str]) -> None:
    """No two have colour and pattern in common; in any order and by itself a name has the same."""
    found = colours(sorted(names))
    assert len(set(found.values())) == len(names)
    assert colours(sorted(names, reverse=True)) == found
    assert [colours([model], NINE)[model] for model in NINE] == [(colour, "") for colour in COLOURS]


@given(st.text(max_size=200), st.integers(6, 40))
@example("\u0cd5", 6)
def test_names_fit(name: str, longest: int) -> None:
    """Whatever they are, they take so many columns, on one line, with what they begin and end with."""
    told = fitted(name, longest)
    assert 0 < width(told) <= longest
    assert told.isprintable()
    if name.isprintable() and 0 < width(name) <= longest:
        assert told == name


@pytest.mark.parametrize("action", ["report", "compare", "paths"])
def test_a_file_that_is_no_picture(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong use, told with the suffixes that are right."""
    with pytest.raises(SystemExit) as caught:
        main(["attribution", action, "--chart", "chart.pdf"])
    assert caught.value.code == 2
    assert "'chart.pdf' is no picture to write; end it in .svg or .png" in capsys.readouterr().err


def test_what_cannot_be_drawn_is_told_before_a_server_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is not there, days, and the extra that is missing."""
    nobody = ("--address", "127.0.0.1:1")
    absent = tmp_path / "absent" / "a.svg"
    assert main(["attribution", "paths", "--chart", str(absent), *nobody]) == 2
    assert f"there is no directory {absent.parent}" in capsys.readouterr().err
    assert main(["attribution", "report", "--by", "day", "--chart", str(tmp_path / "a.svg"), *nobody]) == 2
    assert "leave out --by day" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["attribution", "paths", "--chart", str(tmp_path / "a.svg"), *nobody]) == 2
    assert '--chart needs matplotlib; install it with: pip install "trueline[charts]"' in capsys.readouterr().err
