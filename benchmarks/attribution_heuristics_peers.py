"""The same journeys by other packages, where they can be had, and by Trueline's models from the same ready paths.

ChannelAttribution comes with the extra `peers`. `marketing-attribution-models` of DP6 gets an environment of its own:
up to 1.0.10 it needs pandas before 2.1, and the rewrite on polars that followed has the same name. Both get what they
like best: ready journeys, and ChannelAttribution equal ones counted.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from trueline_server.attribution.credit import credited
from trueline_server.attribution.models import FirstTouch, LastTouch, Linear, Touches, weights
from trueline_server.attribution.paths import Paths

SEPARATOR = " > "
# Of the models that both have, the conversions by channel.
Credits = dict[str, dict[str, float]]
_DP6 = {
    "pandas": ["marketing-attribution-models==1.0.10", "pandas<2.1", "numpy<2", "matplotlib<3.8"],
    "polars": ["marketing-attribution-models==2.1.1"],
}
_SCRIPT = Path(__file__).with_name("attribution_heuristics_dp6.py")


def trueline_from_names(paths: Sequence[str], conversions: Any, value: Any) -> tuple[float, Credits]:
    """Seconds of first, last and linear over paths as texts, and what they say."""
    column = pa.array(paths)
    begin = time.perf_counter()
    touches = pc.split_pattern(column, SEPARATOR)
    coded = touches.flatten().dictionary_encode()
    offsets = touches.offsets.to_numpy().astype(np.int64)
    nulls = np.zeros(len(offsets) - 1)
    known = Paths(tuple(coded.dictionary.to_pylist()), coded.indices.to_numpy(), offsets, conversions, value, nulls)
    found = {}
    for name, model in (("first", FirstTouch()), ("last", LastTouch()), ("linear", Linear())):
        credit = credited(weights(model, Touches.of_paths(known)), known)
        found[name] = dict(zip(credit.channels, credit.conversions.tolist(), strict=True))
    return time.perf_counter() - begin, found


def channel_attribution(paths: Sequence[str], conversions: Any, value: Any) -> tuple[float, Credits] | None:
    """The same of ChannelAttribution; None = it is not installed."""
    peer = channel_attribution_package()
    if peer is None:
        return None
    import pandas as pd

    frame = pd.DataFrame({"path": list(paths), "conversions": conversions, "value": value})
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        rows = peer.heuristic_models(frame, "path", "conversions", "value", sep=">", flg_pro=False)
    seconds = time.perf_counter() - begin
    named = {"first": "first_touch_conversions", "last": "last_touch_conversions", "linear": "linear_touch_conversions"}
    channels = [name.strip() for name in rows["channel_name"]]
    return seconds, {name: dict(zip(channels, rows[key].tolist(), strict=True)) for name, key in named.items()}


def dp6(folder: Path, journeys: Mapping[str, pa.Table]) -> Mapping[str, tuple[float, Credits]]:
    """Seconds of DP6's heuristics over ready journeys by what they are built on, and what they say.

    Args:
        folder: where environments and files may be put.
        journeys: those for each: path and hours (before the conversion, as a path).

    """
    found = {}
    for engine, packages in _DP6.items():
        pyarrow.csv.write_csv(journeys[engine], folder / "journeys.csv")
        home = folder / engine
        venv.create(home, with_pip=True)
        python = str(home / "bin" / "python")
        try:
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            print(f"DP6 on {engine} is left out: {error.stderr.decode()[-200:]}", file=sys.stderr)
            continue
        command = [python, str(_SCRIPT), engine, str(folder / "journeys.csv")]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        found[engine] = (float(told["seconds"]), told["credits"])
    return found


def channel_attribution_package() -> ModuleType | None:
    """ChannelAttribution, where the extra `peers` is installed."""
    try:
        # It greets whoever imports it.
        with contextlib.redirect_stdout(io.StringIO()):
            import ChannelAttribution
    except ImportError:
        return None
    peer: ModuleType = ChannelAttribution
    return peer
