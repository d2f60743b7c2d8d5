"""Why a feature of a roadmap waits, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from trueline_server.scoring.placing import Item, earliest, fits, room_left


def reasons(items: Sequence[Item], capacities: Sequence[float], chosen: dict[str, int]) -> dict[str, str]:
    """Item -> why it is not there from the first period on; "" if it is."""
    left = room_left(items, capacities, chosen)
    return {item.name: _reason(item, capacities, chosen, left) for item in items}


def _reason(item: Item, capacities: Sequence[float], chosen: dict[str, int], left: Sequence[float]) -> str:
    period, last = chosen[item.name], len(capacities)
    if period == 1:
        return ""
    start = earliest(item, chosen)
    parts = []
    if start is None:
        missing = next(name for name in item.after if not chosen[name])
        return f"needs {missing}, which is not built"
    if start > 1:
        parts.append(_start(item, chosen, start))
    if start > last:
        return f"{parts[0]}, and the last period is {last}"
    if not any(fits(item.effort, capacity) for capacity in capacities[start - 1 :]):
        most = max(capacities[start - 1 :])
        since = f" from {start} on" if start > 1 else ""
        return f"takes {item.effort:.12g}, more than any period{since} can have, which is {most:.12g} at most"
    full = range(start, period or last + 1)
    if full:
        parts.append(_full(item, full, left))
    return "; ".join(parts)


def _start(item: Item, chosen: dict[str, int], start: int) -> str:
    needed = [name for name in item.after if chosen[name] + 1 == start]
    if needed and item.not_before < start:
        return f"comes after {needed[0]}, which is built in period {start - 1}"
    return f"may not be built before period {item.not_before}"


def _full(item: Item, full: range, left: Sequence[float]) -> str:
    if len(full) == 1:
        return f"takes {item.effort:.12g}, and period {full[0]} has {left[full[0] - 1]:.12g} left"
    most = max(left[period - 1] for period in full)
    return f"takes {item.effort:.12g}, and periods {full[0]} to {full[-1]} have {most:.12g} left at most"
