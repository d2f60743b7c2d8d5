"""Run by the Python of an environment with DP6's package: `ENGINE FILE` prints the seconds and what the models say.

All heuristics that it has, over journeys that are ready: no event is read, grouped or sorted, and the file is read
before the clock runs. It imports nothing of Trueline.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

SEPARATOR = " > "


def on_pandas(file: str) -> tuple[float, dict[str, dict[str, float]]]:
    """Release 1.0.10."""
    import pandas as pd
    from marketing_attribution_models import MAM

    frame: Any = pd.read_csv(file)
    frame["converted"] = True
    begin = time.perf_counter()
    mam = MAM(
        frame,
        channels_colname="path",
        journey_with_conv_colname="converted",
        time_till_conv_colname="hours",
        path_separator=SEPARATOR,
    )
    found = {
        "first": mam.attribution_first_click()[1],
        "last": mam.attribution_last_click()[1],
        "linear": mam.attribution_linear()[1],
        "last_non_direct": mam.attribution_last_click_non("direct")[1],
        "position": mam.attribution_position_based()[1],
        "time_decay": mam.attribution_time_decay()[1],
    }
    seconds = time.perf_counter() - begin
    # Some frames have channels as a column, some as the index.
    columns = {
        name: rows if rows.ndim == 1 else rows.set_index(rows.columns[0]).iloc[:, 0] for name, rows in found.items()
    }
    return seconds, {name: {str(key): float(one) for key, one in rows.items()} for name, rows in columns.items()}


def on_polars(file: str) -> tuple[float, dict[str, dict[str, float]]]:
    """Release 2.1.1, which has no last-non-direct."""
    import polars as pl
    from mam import MAM

    frame: Any = pl.read_csv(file).with_row_index("journey").with_columns(pl.lit(True).alias("converted"))
    begin = time.perf_counter()
    mam = MAM(
        frame,
        format_type="journey",
        channels_colname="path",
        journey_with_conv_colname="converted",
        user_id_colname="journey",
        time_till_conv_colname="hours",
        path_separator=SEPARATOR,
    )
    found = {
        "first": mam.run_first_click(),
        "last": mam.run_last_click(),
        "linear": mam.run_linear(),
        "position": mam.run_position_based(),
        "time_decay": mam.run_time_decay(),
    }
    seconds = time.perf_counter() - begin
    told = {}
    for name, result in found.items():
        rows = result.to_dict()
        told[name] = dict(zip(map(str, rows["channels"]), rows["attribution"], strict=True))
    return seconds, told


if __name__ == "__main__":
    took, said = (on_pandas if sys.argv[1] == "pandas" else on_polars)(sys.argv[2])
    print(json.dumps({"seconds": took, "credits": said}))
