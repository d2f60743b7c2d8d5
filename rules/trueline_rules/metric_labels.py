"""Labels of a metric's points as rules write them, which know no dots."""

from __future__ import annotations

import re
from collections.abc import Sequence


def label_names(group_by: Sequence[str]) -> dict[str, str]:
    """Label of each field: of "properties.plan" it is "plan", or "properties_plan" if another one is "plan"."""
    names: dict[str, str] = {}
    for group in sorted(group_by, key=lambda name: name.startswith("properties.")):
        short = _plain(group.removeprefix("properties."))
        names[group] = short if short not in names.values() else _plain(group)
    return names


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name)
