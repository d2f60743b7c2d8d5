"""Checkpoints in words: the verdict, the cells by what they are about, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueline import BacklogItem, CellChange, Checkpoint, CheckpointCell, CheckpointComparison

# A longer one says what the number is, and would push everything else off a row.
_LONGEST_UNIT = 8
_VERDICTS = {"passed": "green", "failed": "red", "incomplete": "yellow"}
_OUTCOMES = {"pass": ("✓", "green"), "fail": ("✗", "red"), "insufficient_data": ("?", "yellow")}
_STATES = {"open": "open", "acknowledged": "doing", "resolved": "done"}
# Names of people may be long; `show` has them whole.
_CUT = {"state": 14, "owner": 12}
# Those that call for something come first.
_CHANGES = {
    "broke": "broke",
    "still_fails": "still fails",
    "data_went": "has no data any more",
    "fixed": "fixed",
    "data_came": "has data now",
    "added": "is new",
    "removed": "is gone",
    "still_no_data": "still has no data",
    "still_passes": "still passes",
}


def show_checkpoint(checkpoint: Checkpoint, *, every: bool) -> None:
    """Print a checkpoint; without `every` the cells that miss, and in short what has too little data."""
    from rich.text import Text

    from trueline_cli import style

    head = Text(f"{checkpoint.id}  {checkpoint.title}: ")
    head.append(str(checkpoint.verdict), style=_VERDICTS.get(checkpoint.verdict, ""))
    lines: list[Any] = [head, f"  {checkpoint.question}" if checkpoint.question else ""]
    counts = f"{checkpoint.passed} pass, {checkpoint.failed} fail, {checkpoint.insufficient} without enough data"
    lines.append(f"  {counts}; {checkpoint.days} days up to {style.moment(checkpoint.at)}")
    if checkpoint.judge_only:
        lines.append("  only judged: nothing was opened or resolved")
    style.show(*[line for line in lines if line])
    shown = [cell for cell in checkpoint.cells if every or cell.outcome == "fail"]
    if shown:
        style.show("")
        show_cells(shown)
    if not every:
        style.show(*without_data(checkpoint.cells))
        if checkpoint.passed or checkpoint.insufficient:
            style.show("", "--all tells of every cell")


def without_data(cells: Sequence[CheckpointCell]) -> list[str]:
    """What has too little data, by measure and source: which of them are meant."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.outcome == "insufficient_data":
            source = cell.source.removesuffix(f" of {cell.of}")
            found.setdefault((cell.measure, source), []).append(cell.of.replace("_", " "))
    lines = [
        f"? {measure.replace('_', ' ')} ({source}): {', '.join(about)}" for (measure, source), about in found.items()
    ]
    return ["", "not enough data:", *lines] if lines else []


def show_cells(cells: Sequence[CheckpointCell]) -> None:
    """Print cells, one a row, below each that does not pass why, and what was opened for it."""
    from rich.padding import Padding
    from rich.text import Text

    from trueline_cli import style

    # Rows are printed one by one, for what stands below them is as wide as all columns: so widths are the same in all.
    rows = [("about", "measure", "value", "target"), *(_numbers(cell) for cell in cells)]
    about, measure, value, target = (max(len(row[column]) for row in rows) for column in range(4))
    console = style.console()

    def line(row: tuple[str, str, str, str]) -> str:
        return f"{row[0]:<{about}}  {row[1]:<{measure}}  {row[2]:>{value}}  {row[3]:>{target}}"

    console.print(Text(f"   {line(rows[0])}", style="bold"))
    for cell, row in zip(cells, rows[1:], strict=True):
        sign, colour = _OUTCOMES.get(cell.outcome, (" ", ""))
        console.print(Text.assemble((sign, colour), f"  {line(row)}"))
        if cell.outcome != "pass":
            opened = " ".join(filter(None, (cell.backlog_item, cell.alert)))
            why = cell.reason + (f" [{cell.priority}: {opened}]" if opened else "")
            console.print(Padding(Text(why), (0, 0, 0, 5)))


def _numbers(cell: CheckpointCell) -> tuple[str, str, str, str]:
    about, measure = cell.of.replace("_", " "), cell.measure.replace("_", " ")
    return about, measure, amount(cell.value, cell.unit), target_words(cell)


def target_words(cell: CheckpointCell) -> str:
    """A target with its direction."""
    sign = "≤" if cell.direction == "lower" else "≥"
    return f"{sign} {amount(cell.target, cell.unit)}"


def amount(value: float | None, unit: str) -> str:
    """A number in its unit; a ratio as a percentage."""
    from trueline_cli import style

    if value is None:
        return style.NOTHING
    if unit == "ratio":
        return f"{value * 100:,.1f} %"
    return f"{style.number(value)} {unit if len(unit) <= _LONGEST_UNIT else ''}".strip()


def show_comparison(compared: CheckpointComparison) -> None:
    """Print what became of each cell, what calls for something first."""
    from trueline_cli import style

    before, after = compared.before, compared.after
    print(f"{before.id} ({before.verdict}) → {after.id} ({after.verdict})")
    order = list(_CHANGES)
    rows = sorted(compared.changes, key=lambda each: order.index(each.change) if each.change in order else len(order))
    made = style.table("cell", "change", "then", "now", right=("then", "now"), fold=("cell",))
    for each in rows:
        made.add_row(each.name, _CHANGES.get(each.change, str(each.change)), *_values(each))
    style.show(made)


def items_table(items: Sequence[BacklogItem]) -> Any:
    """Items of the backlog, one a row."""
    from trueline_cli import style

    made = style.table(
        "item", "priority", "state", "owner", "misses", "what", right=("misses",), fold=("what",), cut=_CUT
    )
    for item in items:
        misses = str(item.misses) if item.misses else ""
        made.add_row(item.id, item.priority.value, item_state(item), item.owner or style.NOTHING, misses, item.title)
    return made


def item_state(item: BacklogItem) -> str:
    """Where an item stands, in the words of --state, and who works on it."""
    words = _STATES.get(item.state, str(item.state))
    return f"{words} ({item.acknowledged_by})" if item.acknowledged_by and item.state != "resolved" else words


def _values(change: CellChange) -> tuple[str, str]:
    sides = (change.before, change.after)
    then, now = ("" if side is None else amount(side.value, side.unit) for side in sides)
    if change.better is not None:
        now += " ↑" if change.better else " ↓"
    return then, now
