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
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from trueline_server.attribution.credit import credited
from trueline_server.attribution.models import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    Touches,
    weights,
)
from trueline_server.attribution.paths import Paths

SEPARATOR = " > "
# Conversions by model and channel.
Credits = dict[str, dict[str, float]]
_HOUR_US = 3_600_000_000
# Hours after which half of the weight is left, by default of DP6 and of Trueline.
_HALF_LIFE = 168
# DP6's release on pandas halves it all at once.
STEPS: Mapping[str, int] = {"pandas": _HALF_LIFE, "polars": 0}
MODELS: Mapping[str, Model] = {
    "first": FirstTouch(),
    "last": LastTouch(),
    "linear": Linear(),
    "last_non_direct": LastNonDirect(frozenset({"direct"})),
    "position": PositionBased(),
    "time_decay": TimeDecay(_HALF_LIFE * _HOUR_US),
}
# Those that ChannelAttribution has, too.
PLAIN = ("first", "last", "linear")
RELEASES = {"pandas": "1.0.10", "polars": "2.1.1"}
_BESIDE = {"pandas": ["pandas<2.1", "numpy<2", "matplotlib<3.8"], "polars": []}
_SCRIPT = Path(__file__).with_name("attribution_heuristics_dp6.py")


@dataclass(frozen=True, slots=True)
class Hours:
    """When touches were.

    Attributes:
        before: hours of each touch before the conversion, as a text like its path.
        step: they count in whole steps of so many hours; 0 = as they are.

    """

    before: pa.Array
    step: int

    def at_us(self) -> Any:
        """µs up to the conversion, int64[m]; 0 or below."""
        hours = pc.split_pattern(self.before, SEPARATOR).flatten().cast(pa.float64()).to_numpy()
        if self.step:
            hours = hours // self.step * self.step
        return (hours * -_HOUR_US).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Taken:
    """How long Trueline took for ready paths.

    Attributes:
        names_s: seconds to make columns of texts.
        models_s: seconds of the models over these columns.
        credits: what they say.

    """

    names_s: float
    models_s: float
    credits: Credits

    @property
    def seconds(self) -> float:
        """Both."""
        return self.names_s + self.models_s


def trueline_from_names(
    paths: pa.Array, conversions: Any, value: Any, *, models: Collection[str] = PLAIN, hours: Hours | None = None
) -> Taken:
    """Heuristics over paths as texts.

    Args:
        paths: the channels of each, with SEPARATOR between.
        conversions: of each.
        value: of these.
        models: by name.
        hours: of the touches; None = no model needs them.

    """
    begin = time.perf_counter()
    # As a package that uses all cores does.
    with ThreadPoolExecutor(2) as pool:
        later = None if hours is None else pool.submit(hours.at_us)
        touches = pc.split_pattern(paths, SEPARATOR)
        coded = touches.flatten().dictionary_encode()
        at_us = None if later is None else later.result()
    offsets = touches.offsets.to_numpy().astype(np.int64)
    codes, channels = coded.indices.to_numpy(), tuple(coded.dictionary.to_pylist())
    ready = time.perf_counter()
    known = Paths(channels, codes, offsets, conversions, value, np.zeros(len(offsets) - 1))
    read = Touches(channels, codes, offsets, at_us)
    found = {}
    for name in models:
        credit = credited(weights(MODELS[name], read), known)
        found[name] = dict(zip(channels, credit.conversions.tolist(), strict=True))
    return Taken(ready - begin, time.perf_counter() - ready, found)


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
    for engine, release in RELEASES.items():
        pyarrow.csv.write_csv(journeys[engine], folder / "journeys.csv")
        home = folder / engine
        venv.create(home, with_pip=True)
        python = str(home / "bin" / "python")
        try:
            packages = [f"marketing-attribution-models=={release}", *_BESIDE[engine]]
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
