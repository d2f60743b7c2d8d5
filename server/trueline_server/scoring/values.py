"""Values of inputs as people read them."""

from __future__ import annotations

from trueline_rules.scoring_model import ScoringInput

from trueline_server.scoring.profiles import Interval, Known


def show_value(one: ScoringInput, value: Known | None) -> str:
    """A value with its unit, e.g. "20000 USD/month" or "0.2 to 0.4"; "" if it is not known."""
    if type(value) is float:
        shown = f"{value:.12g}"
    elif value is None:
        return ""
    elif isinstance(value, str):
        return value
    elif isinstance(value, bool):
        return str(value).lower()
    else:
        shown = f"{value.low:.12g} to {value.high:.12g}" if isinstance(value, Interval) else f"{value:.12g}"
    return f"{shown} {one.unit}" if one.unit else shown
