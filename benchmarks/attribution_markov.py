"""Markov attribution of order 1, exact, against ChannelAttribution's simulation in C++; without it, a dense solve."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from trueline_server.attribution.chain import chain_of
from trueline_server.attribution.markov import markov
from trueline_server.attribution.paths import Floats, Paths, offsets_of
from trueline_server.attribution.transforms import Transform, TransformKind, transformed

from benchmarks.attribution_heuristics_peers import channel_attribution_package
from benchmarks.result import Result, machine

CHANNELS = 12
# How many times as fast as the peer; as the dense solve, which gives neither values nor removal effects.
GOAL, GOAL_WITHOUT_PEER = 1.0, 0.5
# What a simulation at its default precision may be off, as a share of all conversions.
NOISE = 0.02
EXACT = 1e-9


class AnswersDifferError(RuntimeError):
    """The models do not give the same credit, so their times say nothing."""


def run(*, small: bool) -> Result:
    """Medians over rounds in which each has its turn, over the same paths in the form that each takes."""
    journeys, rounds = (5_000, 1) if small else (1_000_000, 5)
    paths = _drawn(journeys)
    names = [" > ".join(paths.channels[code] for code in path) for path in _split(paths)]
    column = pa.array(names)
    peer = channel_attribution_package()
    dense = _dense(paths)
    takes: dict[str, Callable[[], Floats]] = {
        "trueline": lambda: markov(paths).conversions,
        "trueline_from_names": lambda: _from_names(paths, column),
        "dense": lambda: _dense(paths),
    }
    if peer is not None:
        takes["peer"] = _simulated(peer, paths, names)
    for name, take in takes.items():
        allowed = NOISE if name == "peer" else EXACT
        off = float(np.abs(take() - dense).max() / dense.sum())
        if off > allowed:
            raise AnswersDifferError(f"{name} is off by {off:.2%} of all conversions, more than {allowed:.2%}")
    medians = _medians(takes, rounds)
    against, what = ("peer", "ChannelAttribution") if peer is not None else ("dense", "a dense solve for each channel")
    return Result(
        benchmark="attribution_markov",
        # The peer reads names, so what is compared with it does, too.
        ratio=medians[against] / medians["trueline_from_names" if peer is not None else "trueline"],
        goal=GOAL if peer is not None else GOAL_WITHOUT_PEER,
        better="higher",
        parts={f"{name}_s": seconds for name, seconds in medians.items()}
        | {"journeys": journeys, "paths": len(paths), "touches": len(paths.codes), "peer": what},
        machine=machine(),
        summary=f"order 1 over {len(paths):,} paths of {journeys:,} journeys: {medians['trueline'] * 1e3:.0f} ms, "
        f"{medians['trueline_from_names'] * 1e3:.0f} ms from names; {what} {medians[against] * 1e3:.0f} ms",
        small=small,
    )


def _drawn(journeys: int) -> Paths:
    """Journeys of a seeded chain whose channels differ in how they go on and convert, as distinct paths."""
    random = np.random.default_rng(7)
    lengths = np.minimum(random.geometric(0.22, journeys), 40).astype(np.int64)
    offsets = offsets_of(lengths)
    ladder = np.cumsum(random.dirichlet(np.full(CHANNELS, 0.6), CHANNELS), axis=1)
    draws = random.random(offsets[-1])
    codes = np.empty(offsets[-1], np.int32)
    now = random.integers(0, CHANNELS, journeys)
    for step in range(int(lengths.max())):
        going = np.flatnonzero(lengths > step)
        at = offsets[going] + step
        codes[at] = now[going]
        now[going] = np.minimum((ladder[now[going]] < draws[at, None]).sum(axis=1), CHANNELS - 1)
    converted = (random.random(journeys) < np.linspace(0.02, 0.3, CHANNELS)[codes[offsets[1:] - 1]]).astype(np.float64)
    value = converted * random.integers(5, 200, journeys)
    drawn = Paths(tuple(f"channel{code}" for code in range(CHANNELS)), codes, offsets, converted, value, 1 - converted)
    return transformed(drawn, Transform(TransformKind.UNIQUE))


def _split(paths: Paths) -> list[list[int]]:
    codes = paths.codes.tolist()
    return [codes[begin:end] for begin, end in pairwise(paths.offsets.tolist())]


def _from_names(paths: Paths, names: pa.Array) -> Floats:
    touches = pc.split_pattern(names, " > ")
    coded = touches.flatten().dictionary_encode()
    offsets = touches.offsets.to_numpy().astype(np.int64)
    channels = tuple(coded.dictionary.to_pylist())
    named = Paths(channels, coded.indices.to_numpy(), offsets, paths.conversions, paths.value, paths.nulls)
    return markov(named).conversions[[channels.index(channel) for channel in paths.channels]]


def _dense(paths: Paths) -> Floats:
    """Credit by the definition: the chain is solved anew without each channel."""
    chain = chain_of(paths, 1)
    system = np.eye(len(chain)) - chain.moves.toarray()
    lost = np.zeros(len(paths.channels))
    whole = chain.start @ np.linalg.solve(system, chain.conversion)
    for channel in range(len(paths.channels)):
        left = np.flatnonzero(chain.newest != channel)
        kept = np.linalg.solve(system[np.ix_(left, left)], chain.conversion[left])
        lost[channel] = whole - chain.start[left] @ kept
    credit: Floats = lost / lost.sum() * paths.conversions.sum()
    return credit


def _simulated(peer: Any, paths: Paths, names: list[str]) -> Callable[[], Floats]:
    import pandas as pd

    columns = {"conversions": paths.conversions, "value": paths.value, "nulls": paths.nulls}
    frame = pd.DataFrame({"path": names, **columns})
    options = {"var_value": "value", "var_null": "nulls", "order": 1, "seed": 1, "ncore": 2}

    def credit() -> Floats:
        found = peer.markov_model(frame, "path", "conversions", verbose=False, flg_pro=False, **options)
        by_name = dict(zip(found["channel_name"], found["total_conversions"], strict=True))
        return np.array([by_name.get(name, 0.0) for name in paths.channels])

    return credit


def _medians(takes: dict[str, Callable[[], Floats]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in takes}
    for _ in range(rounds):
        for name, take in takes.items():
            began = time.perf_counter()
            take()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in times.items()}
