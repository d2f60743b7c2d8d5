"""Models beside each other as bars: shares of channels, and the values of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueline_cli.attribution.charts import GREY, INK, colours, fitted, subtitle, width
from trueline_cli.attribution.rows import names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from trueline import AttributionReport, ModelComparison

# The pack's models have colours of their own.
_STANDARD = ("first", "last", "last_non_direct", "linear", "time_decay", "position", "w_shaped", "markov", "shapley")
_MOST_GROUPS, _MOST_BARS = 12, 130
_BAR, _GAP, _LETTER = 0.13, 0.14, 0.072
_WIDTH, _TOP, _BOTTOM, _LEGEND_ROW, _LEGEND_COLUMNS = 9.0, 0.95, 0.6, 0.18, 5


@dataclass(frozen=True, slots=True)
class Group:
    """The bars of one name: an amount for each model, and what was spent."""

    name: str
    amounts: tuple[float, ...]
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """What a picture of bars says.

    Attributes:
        title, about: the first line, and those under it.
        models: names, as many as each group has amounts.
        groups: from top to bottom.
        unit: of the amounts, on the axis.
        written: an amount as text.
        nothing: what is said without groups.

    """

    title: str
    about: tuple[str, str]
    models: tuple[str, ...]
    groups: tuple[Group, ...]
    unit: str
    written: Callable[[float], str]
    nothing: str


def draw_comparison(comparison: ModelComparison) -> Figure:
    """Shares of conversions by channel and model, the largest channels first."""
    totals = comparison.totals
    touched = totals.conversions - totals.unattributed_conversions
    groups = [
        Group(one.channel, tuple(one.shares[model].share * 100 for model in comparison.models))
        for one in comparison.channels
    ]
    return _drawn(
        Bars(
            f"{fitted(comparison.about.conversion)}: share of conversions by channel and model",
            (subtitle(comparison.about), f"{touched:,} of {totals.conversions:,} conversions had a touch"),
            comparison.models,
            _largest(groups, len(comparison.models)),
            "% of the conversions that a touch led to",
            lambda amount: f"{amount:.1f}",
            "no touch led to a conversion",
        )
    )


def draw_report(report: AttributionReport) -> Figure:
    """Values by name (no days) and model, the largest first, with what was spent; what no touch led to is last."""
    models = tuple(report.rows[0].credits) if report.rows else ()
    named = [name for name in ("channel", "campaign", "segment") if any(getattr(row, name) for row in report.rows)]

    def groups(*, unattributed: bool) -> tuple[Group, ...]:
        return _largest(
            [
                Group(
                    " · ".join(names_of(row, named)),
                    tuple(float(row.credits[model].value) for model in models),
                    None if row.cost is None else float(row.cost),
                )
                for row in report.rows
                if row.unattributed == unattributed
            ],
            len(models),
        )

    about, totals = report.about, report.totals
    return _drawn(
        Bars(
            f"{fitted(about.conversion)}: value by {', '.join(named) or 'channel'} and model",
            (subtitle(about), f"{totals.conversions:,} conversions, {totals.value:,f} {about.currency}"),
            models,
            (*groups(unattributed=False), *groups(unattributed=True)),
            about.currency,
            lambda amount: f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:,.2f}",
            "nothing converted and nothing was spent",
        )
    )


def _largest(groups: Sequence[Group], models: int) -> tuple[Group, ...]:
    """By size; of too many the smallest are one."""
    most = max(4, min(_MOST_GROUPS, _MOST_BARS // max(models, 1)))
    ranked = sorted(groups, key=lambda group: -max(map(abs, (*group.amounts, group.cost or 0.0))))
    if len(ranked) <= most:
        return tuple(ranked)
    rest = ranked[most:]
    costs = [group.cost for group in rest if group.cost is not None]
    amounts = tuple(map(sum, zip(*(group.amounts for group in rest), strict=True)))
    return (*ranked[:most], Group(f"{len(rest)} others", amounts, sum(costs) if costs else None))


def _drawn(bars: Bars) -> Figure:
    from matplotlib.figure import Figure

    spent = any(group.cost for group in bars.groups)
    legend_rows = -(-(len(bars.models) + spent) // _LEGEND_COLUMNS) if bars.groups else 0
    each = max(len(bars.models), 1) * _BAR + _GAP
    plotted = max(len(bars.groups) * each, 1.0)
    top = _TOP + legend_rows * _LEGEND_ROW
    height = top + plotted + _BOTTOM
    figure = Figure(figsize=(_WIDTH, height))
    figure.text(0.3 / _WIDTH, 1 - 0.22 / height, bars.title, fontsize=12, weight="bold", va="top")
    figure.text(0.3 / _WIDTH, 1 - 0.47 / height, "\n".join(bars.about), va="top", linespacing=1.4)
    if not bars.groups:
        figure.text(0.3 / _WIDTH, 0.4, bars.nothing)
        return figure
    labels = [fitted(group.name) for group in bars.groups]
    left = 0.4 + max(map(width, labels)) * _LETTER
    axes = figure.add_axes((left / _WIDTH, _BOTTOM / height, 1 - (left + 0.3) / _WIDTH, plotted / height))
    tints = colours(bars.models, _STANDARD)
    _draw_groups(axes, bars, each, tints)
    axes.set_yticks([place * each for place in range(len(labels))], labels)
    axes.set_ylim((len(labels) - 0.5) * each, -0.5 * each)
    axes.set_xlabel(bars.unit)
    _add_legend(figure, bars.models, tints, 1 - (_TOP - 0.1) / height, spent=spent)
    return figure


def _draw_groups(axes: Axes, bars: Bars, each: float, tints: Mapping[str, tuple[str, str]]) -> None:
    amounts = [amount for group in bars.groups for amount in (*group.amounts, group.cost or 0.0)]
    low, high = min(0.0, *amounts), max(0.0, *amounts)
    room = (high - low or 1.0) * 0.1
    axes.set_xlim(low - room if low < 0 else 0.0, high + room)
    for place, group in enumerate(bars.groups):
        first = place * each - (len(bars.models) - 1) / 2 * _BAR
        for nth, (model, amount) in enumerate(zip(bars.models, group.amounts, strict=True)):
            colour, hatch = tints[model]
            y = first + nth * _BAR
            axes.barh(y, amount, _BAR * 0.88, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
            told, side = bars.written(amount), -1 if amount < 0 else 1
            axes.annotate(
                told,
                *((amount, y), (side * 2, 0)),
                textcoords="offset points",
                fontsize=6,
                va="center",
                ha="left" if side > 0 else "right",
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.3},
            )
        if group.cost:
            half = len(bars.models) * _BAR / 2
            axes.vlines(group.cost, place * each - half, place * each + half, colors=INK, linewidth=1.2)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda amount, _: f"{amount:,.10g}")
    axes.spines[["top", "right", "left"]].set_visible(False)


def _add_legend(
    figure: Figure, models: Sequence[str], tints: Mapping[str, tuple[str, str]], top: float, *, spent: bool
) -> None:
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Patch(facecolor=tints[model][0], hatch=tints[model][1], edgecolor="white", linewidth=0) for model in models
    ]
    labels = [fitted(model, 18) for model in models]
    if spent:
        handles.append(Line2D([], [], color=INK, linewidth=1.2))
        labels.append("cost")
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.3 / _WIDTH, top),
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize=7.5,
        borderpad=0,
        borderaxespad=0,
        handlelength=1.4,
    )
