"""Charts as files: which file says which format, colours, names that fit, titles; matplotlib comes with an extra."""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli.app import MissingExtraError
from trueline_cli.options import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from trueline import AttributionAbout

SUFFIXES = (".svg", ".png")
# "Muted" of Paul Tol (2021, "Colour Schemes", SRON/EPS/TN/09-002): told apart with any colour blindness, and in print.
COLOURS = ("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499")
INK, GREY, PALE = "#222222", "#8A8A8A", "#D4D4D4"
_LONGEST_NAME = 30
_STYLE: Any = {
    "font.family": "sans-serif",
    # The first is in matplotlib; the others are no wider, so that what reads the SVG cuts nothing off.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 8.0,
    "text.color": INK,
    "axes.edgecolor": GREY,
    # Names are written by others: a dollar sign is one.
    "text.parse_math": False,
    "svg.fonttype": "none",
    # The same numbers give the same bytes.
    "svg.hashsalt": "trueline",
}


def chart_file(text: str) -> Path:
    """The file of a chart: its suffix says the format."""
    path = Path(text)
    if path.suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"'{text}' is no picture to write; end it in .svg or .png")
    return path


def check_chart(path: Path) -> None:
    """Find out that no chart can be written before a server is asked.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError: there is no such directory.

    """
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        told = '--chart needs matplotlib; install it with: pip install "trueline[charts]"'
        raise MissingExtraError(f"{told} ({error.name} is missing)") from error
    if not path.parent.is_dir():
        raise UsageError(f"--chart {path}: there is no directory {path.parent}")


def styled() -> Any:
    """The look of charts, as a context to draw and save in."""
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def save_chart(figure: Figure, path: Path) -> None:
    """Write a figure as it is.

    Raises:
        UsageError: the file cannot be written.

    """
    import warnings
    from io import BytesIO

    picture = BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    with warnings.catch_warnings():
        # Whoever reads the SVG may have the character, and a PNG shows a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(picture, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    try:
        path.write_bytes(picture.getvalue())
    except OSError as error:
        raise UsageError(f"--chart {path}: {error.strerror}") from error


def colours(names: Sequence[str], standard: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Colour and hatch of each name: the same in any picture, unless another name in it has the same by chance.

    Args:
        names: without repeats.
        standard: those whose colours are theirs in any case.

    """
    slots = max(len(COLOURS), -(-len(names) // len(COLOURS)) * len(COLOURS))
    taken: dict[int, str] = {place: name for place, name in enumerate(standard[: len(COLOURS)]) if name in names}
    for name in sorted(set(names) - set(taken.values())):
        place = zlib.crc32(name.encode()) % len(COLOURS)
        while place in taken:
            place = (place + 1) % slots
        taken[place] = name
    hatches = ("", "////", "....", "xxxx")
    by_name = {name: place for place, name in taken.items()}
    return {
        name: (COLOURS[by_name[name] % len(COLOURS)], hatches[by_name[name] // len(COLOURS) % len(hatches)])
        for name in names
    }


def fitted(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name that can be written beside others: what does not print is a box, the middle of a long one is left out."""
    told = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    if width(told) > longest:
        end = longest // 3
        while width(told) >= longest - end:
            told = told[:-1]
        tail = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[-2 * end :])
        while width(tail) > end:
            tail = tail[1:]
        return f"{told}…{tail}"
    # What takes no column by itself, as no letter or a mark without one, stands in quotes.
    return told if width(told) else f'"{told}"'


def width(text: str) -> int:
    """Columns of a text; some letters take two."""
    from rich.cells import cell_len

    return cell_len(text)


def subtitle(about: AttributionAbout) -> str:
    """What a chart is about: document, period, and by when it was known."""
    from trueline_cli import style

    start, end = (style.moment(instant, short=True) for instant in (about.start_time, about.end_time))
    known = f" · as known at {style.moment(about.known_at, short=True)}" if about.known_at else ""
    return f"document {fitted(about.document)} · {start} to {end} UTC{known}"
