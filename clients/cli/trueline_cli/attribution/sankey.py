"""Paths as a Sankey diagram: step by step from touch to touch, until journeys have converted or ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from trueline.attribution import ChannelPaths, PathEdge, PathEnd

from trueline_cli.attribution.charts import COLOURS, GREY, INK, PALE, colours, fitted, subtitle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# So many touches have a column each; later ones share one.
MOST_TOUCHES = 5
# So many channels are named; of more, the last are one.
MOST_CHANNELS = len(COLOURS)
_COLUMN, _BAR, _HEIGHT, _LABEL, _GAP = 2.1, 0.16, 5.2, 0.2, 0.06
_TOP, _LEFT, _RIGHT, _BOTTOM = 1.15, 0.3, 2.3, 0.3
_NARROWEST = 8.0


class Kind(IntEnum):
    """What a node stands for; in this order from top to bottom."""

    CONVERTED = 0
    CHANNEL = 1
    OTHER = 2
    LATER = 3
    LOST = 4


class Node(NamedTuple):
    """Where journeys are after so many touches; `name` is that of a channel, whatever that is called."""

    kind: Kind
    name: str = ""


Flows = Mapping[tuple[int, Node, Node], int]


@dataclass(frozen=True, slots=True)
class Band:
    """A node on the page, in inches from the left and the bottom."""

    left: float
    bottom: float
    height: float
    journeys: int


def draw_paths(paths: ChannelPaths) -> Figure:
    """The picture; journeys without a touch are not in it."""
    from matplotlib.figure import Figure

    channels = top_channels(paths.edges)
    flows = flows_of(paths.edges, channels)
    columns = max((column for column, _, _ in flows), default=0) + 2
    lefts = _lefts(columns)
    size = (lefts[-1] + _BAR + _RIGHT, _TOP + _HEIGHT + _BOTTOM)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0]), ylim=(0, size[1]))
    axes.set_axis_off()
    axes.text(_LEFT, size[1] - 0.22, f"Paths to {fitted(paths.about.conversion)}", fontsize=12, weight="bold", va="top")
    journeys = sum(count for (column, _, _), count in flows.items() if column == 0)
    told = f"{subtitle(paths.about)}\n{journeys:,} journeys with a touch"
    axes.text(_LEFT, size[1] - 0.47, told, va="top", linespacing=1.4)
    if not flows:
        axes.text(_LEFT, size[1] / 2, "nobody took a journey that a touch began")
        return figure
    order = {Node(Kind.CHANNEL, channel): place for place, channel in enumerate(channels)}
    bands = laid_out(flows, lefts, order)
    tints = {channel: colour for channel, (colour, _) in colours(channels).items()}
    _draw_ribbons(axes, flows, bands, order, tints)
    _draw_nodes(axes, bands, tints, journeys)
    later = any(node.kind is Kind.LATER for _, node in bands)
    for column, left in enumerate(lefts):
        head = f"touch {column + 1}"
        if column == columns - 1:
            head = "in the end"
        elif later and column == columns - 2:
            head = "later"
        axes.text(left, _BOTTOM + _HEIGHT + 0.08, head, color=GREY, va="bottom")
    return figure


def top_channels(edges: Iterable[PathEdge]) -> tuple[str, ...]:
    """Channels by how many journeys are seen to touch them, those first that most do."""
    seen: Counter[str] = Counter()
    for edge in edges:
        if edge.step <= MOST_TOUCHES:
            seen[edge.channel] += edge.journeys
    ranked = sorted(seen, key=lambda channel: (-seen[channel], channel))
    return tuple(ranked if len(ranked) <= MOST_CHANNELS else ranked[: MOST_CHANNELS - 1])


def flows_of(edges: Iterable[PathEdge], channels: Sequence[str]) -> Flows:
    """Journeys by column (from 0), node, and node in the next column; each journey is in every column."""
    edges = list(edges)
    known = frozenset(channels)
    touches = min(max((edge.step for edge in edges), default=0), MOST_TOUCHES)
    last = touches - 1 + any(edge.step > touches for edge in edges)

    def node(channel: str) -> Node:
        return Node(Kind.CHANNEL, channel) if channel in known else Node(Kind.OTHER)

    ends = {PathEnd.CONVERSION: Node(Kind.CONVERTED), PathEnd.NULL: Node(Kind.LOST)}
    flows: Counter[tuple[int, Node, Node]] = Counter()
    for edge in edges:
        column = min(edge.step, touches + 1) - 1
        before = node(edge.channel) if edge.step <= touches else Node(Kind.LATER)
        if edge.end in ends:
            flows[column, before, ends[edge.end]] += edge.journeys
            for further in range(column + 1, last + 1):
                flows[further, ends[edge.end], ends[edge.end]] += edge.journeys
        elif edge.step <= touches:
            after = node(edge.next_channel) if edge.step < touches else Node(Kind.LATER)
            flows[column, before, after] += edge.journeys
    return flows


def laid_out(flows: Flows, lefts: Sequence[float], order: Mapping[Node, int]) -> dict[tuple[int, Node], Band]:
    """Where nodes are: what has converted at the top, what has ended at the bottom, and room for a label by each."""
    journeys: dict[tuple[int, Node], int] = defaultdict(int)
    for (column, before, after), count in flows.items():
        journeys[column + 1, after] += count
        if column == 0:
            journeys[0, before] += count
    by_column = [_ordered((node for at, node in journeys if at == column), order) for column in range(len(lefts))]
    total = sum(count for (column, _), count in journeys.items() if column == 0)
    most = max(map(len, by_column))
    scale = (_HEIGHT - most * (_LABEL + _GAP)) / total
    bands: dict[tuple[int, Node], Band] = {}
    for column, nodes in enumerate(by_column):
        slots = [max(journeys[column, node] * scale, _LABEL) for node in nodes]
        spare = _HEIGHT - sum(slots) - _GAP * (len(nodes) - 1)
        top = _BOTTOM + _HEIGHT
        for place, (node, slot) in enumerate(zip(nodes, slots, strict=True)):
            # What is left over lies between what has come to an end and what has not.
            if place and (node.kind is Kind.LOST or nodes[place - 1].kind is Kind.CONVERTED):
                splits = (nodes[0].kind is Kind.CONVERTED) + (nodes[-1].kind is Kind.LOST and len(nodes) > 1)
                inner = any(Kind.CONVERTED < other.kind < Kind.LOST for other in nodes)
                top -= spare / (splits if inner else 1)
            height = journeys[column, node] * scale
            bands[column, node] = Band(lefts[column], top - (slot + height) / 2, height, journeys[column, node])
            top -= slot + _GAP
    return bands


def _ordered(nodes: Iterable[Node], order: Mapping[Node, int]) -> list[Node]:
    return sorted(nodes, key=lambda node: (node.kind, order.get(node, 0)))


def _draw_ribbons(
    axes: Axes,
    flows: Flows,
    bands: Mapping[tuple[int, Node], Band],
    order: Mapping[Node, int],
    tints: Mapping[str, str],
) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    left: dict[tuple[int, Node], float] = {key: band.bottom + band.height for key, band in bands.items()}
    right = dict(left)

    def place(key: tuple[int, Node, Node]) -> tuple[int, int, int, int, int]:
        column, before, after = key
        return column, before.kind, order.get(before, 0), after.kind, order.get(after, 0)

    for column, before, after in sorted(flows, key=place):
        band = bands[column, before]
        height = flows[column, before, after] * band.height / band.journeys
        top, under = left[column, before], right[column + 1, after]
        left[column, before] -= height
        right[column + 1, after] -= height
        begin, end = band.left + _BAR, bands[column + 1, after].left
        middle = (begin + end) / 2
        corners = [(begin, top), (middle, top), (middle, under), (end, under)]
        corners += [(end, under - height), (middle, under - height), (middle, top - height), (begin, top - height)]
        codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
        ribbon = Path([*corners, corners[0]], codes)
        axes.add_patch(PathPatch(ribbon, facecolor=_colour(before, tints), alpha=0.4, linewidth=0))


def _draw_nodes(axes: Axes, bands: Mapping[tuple[int, Node], Band], tints: Mapping[str, str], journeys: int) -> None:
    from matplotlib.patches import Rectangle

    last = max(column for column, _ in bands)
    for (column, node), band in bands.items():
        # The line shows also what is too little to be seen.
        colour = _colour(node, tints)
        axes.add_patch(
            Rectangle((band.left, band.bottom), _BAR, band.height, facecolor=colour, edgecolor=colour, linewidth=0.5)
        )
        told = f"{_label(node)}  {band.journeys:,}"
        if column == last:
            told += f" ({band.journeys / journeys * 100:.1f} %)"
        axes.text(
            *(band.left + _BAR + 0.05, band.bottom + band.height / 2, told),
            fontsize=7.5,
            va="center",
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
        )


def _lefts(columns: int) -> list[float]:
    """Where columns (2 or more) begin, in inches: so far apart that labels fit, further where the page has room."""
    apart = max(_COLUMN, (_NARROWEST - _LEFT - _BAR - _RIGHT) / (columns - 1))
    return [_LEFT + column * apart for column in range(columns)]


def _label(node: Node) -> str:
    if node.kind is Kind.CHANNEL:
        return fitted(node.name, 20)
    return {
        Kind.CONVERTED: "converted",
        Kind.OTHER: "other channels",
        Kind.LATER: "later touches",
        Kind.LOST: "not converted",
    }[node.kind]


def _colour(node: Node, tints: Mapping[str, str]) -> str:
    if node.kind is Kind.CHANNEL:
        return tints[node.name]
    return {Kind.CONVERTED: INK, Kind.LOST: PALE}.get(node.kind, GREY)
