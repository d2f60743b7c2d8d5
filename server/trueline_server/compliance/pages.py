"""Pages for people: HTML without anything from elsewhere, in which all text of others is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1c2733;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #cfd8e0}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;overflow-wrap:anywhere}
td:first-child,td:nth-child(2){overflow-wrap:break-word}
th{white-space:nowrap;border-bottom:2px solid #cfd8e0;font-weight:600}td{border-bottom:1px solid #e6ebf0}
.note{color:#5b6b7a}.bad{color:#a11;font-weight:600}.good{color:#17703c;font-weight:600}.open{color:#8a5a00;font-weight:600}
td span{white-space:nowrap}
.form td{height:3rem;border:1px solid #cfd8e0}.form td:nth-child(2){width:42%}.form td:last-child{width:30%}
.bar{display:inline-block;width:8rem;height:.8rem;background:#e6ebf0;font-size:0;print-color-adjust:exact}
.bar span{display:inline-block;height:100%}
.bar .good{background:#17703c}.bar .bad{background:#a11}.bar .open{background:#c98a1b}.bar .note{background:#8796a5}
@page{margin:14mm}
@media print{body{font-size:11px;margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
""".strip()


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page; the parts are HTML."""
    shown = escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{shown}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{shown}</h1>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading with what stands below it; the parts are HTML."""
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(parts)


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is a class of the style: "note", "bad", "good", "open" or ""."""
    return f"<p{_class(kind)}>{shown(text)}</p>"


def marked(text: str, kind: str) -> Markup:
    """A word of a kind, see paragraph."""
    return Markup(f"<span{_class(kind)}>{escape(text)}</span>")


def bar(shares: Sequence[tuple[int, str, str]]) -> Markup:
    """A bar of counts, each with its word and a kind, see paragraph; it is read out as the counts."""
    whole = sum(count for count, _, _ in shares) or 1
    told = ", ".join(f"{count} {word}" for count, word, _ in shares)
    pieces = "".join(
        f'<span{_class(kind)} style="width:{100 * count / whole:.2f}%"></span>' for count, _, kind in shares if count
    )
    return Markup(f'<span class="bar" role="img" aria-label="{escape(told)}">{pieces}</span>')


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; cells are text, unless they are Markup. `kind` "form" has room to write by hand."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(f"<tr>{''.join(f'<td>{shown(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table{_class(kind)}><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def shown(text: str) -> str:
    """A text as HTML."""
    return text if isinstance(text, Markup) else escape(text)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
