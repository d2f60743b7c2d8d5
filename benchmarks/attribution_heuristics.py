"""Seven heuristics over five million touches: a report from events, against a statement written by hand, and peers.

All in one run: the report that AttributeConversions gives (asked anew each time), the statement over the same table,
ChannelAttribution and DP6's package over the same journeys, ready-made. Answers are compared first.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from trueline_rules.loader import load_texts
from trueline_server.attribution.asking import Asked, Asking, Question
from trueline_server.attribution.choosing import choose_models, touch_model
from trueline_server.attribution.reporting import report
from trueline_server.attribution.statements import CountPaths, SumCredits
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import Sql
from trueline_streams.pane_statements import Parameters

from benchmarks.attribution_heuristics_events import END_US, START_US, TENANT, TOUCHES_PER_JOURNEY, blocks
from benchmarks.attribution_heuristics_peers import (
    RELEASES,
    SEPARATOR,
    STEPS,
    Credits,
    Hours,
    channel_attribution,
    dp6,
    trueline_from_names,
)
from benchmarks.attribution_heuristics_statement import PACKED, PLAIN
from benchmarks.result import Result, machine

GOAL = 1.5
EXACT = 1e-9
# Of a report: values are told to the cent.
CENT = 0.01
# Journeys that DP6's release on pandas gets.
SAMPLE = 20_000
MODELS = ("first", "last", "last_non_direct", "linear", "time_decay", "position", "w_shaped")
DOCUMENT = """\
apiVersion: trueline/v1
kind: AttributionModel
metadata: {name: bench}
spec:
  touches: {events: [touched], channel: properties.channel, campaign: properties.campaign}
  conversions: {order: {events: [ordered], lookback: 30d, value: value}}
  milestones: {lead: {events: [became_lead]}, opportunity: {events: [became_opportunity]}}
  currency: USD
  models:
    first: {formula: first}
    last: {formula: last}
    last_non_direct: {formula: last_non_direct, direct: [direct]}
    linear: {formula: linear}
    time_decay: {formula: time_decay}
    position: {formula: position}
    w_shaped: {formula: w_shaped}
    markov: {formula: markov}
"""


class AnswersDifferError(RuntimeError):
    """Two ways do not give the same credit, so their times say nothing."""


def run(*, small: bool) -> Result:
    """Medians over rounds in which the report and both statements have their turn; peers once."""
    journeys, rounds = (10_000, 1) if small else (1_000_000, 5)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        folder = Path(name)
        warehouse = Warehouse.chdb(folder / "warehouse")
        events = fill(warehouse, journeys)
        asking = Asking(warehouse, lambda _: RULES)
        asked = asking.ask(QUESTION)
        _compare(asking, asked, warehouse)
        takes = {
            "report": lambda: report(asking, asking.ask(QUESTION), MODELS, ()),
            "by_hand": lambda: warehouse.query(PACKED),
            "by_hand_plain": lambda: warehouse.query(PLAIN),
        }
        times: dict[str, list[float]] = {key: [] for key in takes}
        for _ in range(rounds):
            for key, take in takes.items():
                begin = time.perf_counter()
                take()
                times[key].append(time.perf_counter() - begin)
        medians = {key: statistics.median(found) for key, found in times.items()}
        peers = _channel_attribution(asking, asked)
        if not small:
            peers |= _dp6(warehouse, asked, folder, medians["report"])
        asking.close()
        warehouse.close()
    ratio = statistics.median(ours / theirs for ours, theirs in zip(times["report"], times["by_hand"], strict=True))
    return Result(
        benchmark="attribution_heuristics",
        ratio=ratio,
        goal=GOAL,
        better="lower",
        parts={f"{key}_s": seconds for key, seconds in medians.items()}
        | {"events": events, "touches": journeys * TOUCHES_PER_JOURNEY, "journeys": journeys, "models": len(MODELS)}
        | peers,
        machine=machine(),
        summary=_summary(journeys, medians, peers),
        small=small,
    )


def fill(warehouse: Warehouse, journeys: int, portions: int = 1) -> int:
    """Put the events of so many journeys in, portion by portion; answers how many events."""
    warehouse.migrate()
    events = 0
    for portion in range(portions):
        each = journeys // portions
        for table in blocks(each, first_journey=portion * each, position=events, seed=11 + portion):
            warehouse.insert("events", table)
        ((last,),) = warehouse.query("SELECT max(position) FROM trueline.events")
        events = int(last)
    clock = {"tenant": TENANT, "source": "web", "events": events, "revision": events}
    types = [("tenant", pa.string()), ("source", pa.string()), ("events", pa.uint64()), ("revision", pa.uint64())]
    warehouse.insert("clocks", pa.Table.from_pylist([clock], schema=pa.schema(types)))
    # Merges in the background would take turns with what is measured.
    warehouse.command("OPTIMIZE TABLE trueline.events FINAL")
    return events


def _compare(asking: Asking, asked: Asked, warehouse: Warehouse) -> None:
    chosen = [touch_model(spec) for spec in choose_models(asked.document, MODELS, by_touch=True).values()]
    ours = {row[0]: row[2:] for row in asking.rows(SumCredits(asked.journeys, chosen)) if not row[1]}
    for statement in (PACKED, PLAIN):
        theirs = {row[0]: row[1:] for row in warehouse.query(statement)}
        if ours.keys() != theirs.keys():
            raise AnswersDifferError(f"channels {sorted(ours)} and {sorted(theirs)}")
        for channel, sums in ours.items():
            if not np.allclose(np.array(sums, float), np.array(theirs[channel], float), rtol=EXACT, atol=0):
                raise AnswersDifferError(f"{channel}: {sums} and {theirs[channel]}")
    for row in report(asking, asked, MODELS, ()).rows:
        told = [number for name in MODELS for number in (row.earned[name].conversions, float(row.earned[name].value))]
        (channel,) = row.names.values()
        if not row.unattributed and not np.allclose(told, np.array(ours[channel][1:], float), rtol=EXACT, atol=CENT):
            raise AnswersDifferError(f"the report says of {channel} {told}, its statement {ours[channel]}")


def _channel_attribution(asking: Asking, asked: Asked) -> dict[str, Any]:
    """Times over the distinct paths, where it is installed."""
    paths = [row for row in asking.rows(CountPaths(replace(asked.journeys, lost=False))) if row[0]]
    names = pa.array([SEPARATOR.join(row[0]) for row in paths])
    conversions, value = (np.array([row[place] for row in paths], float) for place in (1, 2))
    parts: dict[str, Any] = {"paths": len(paths)}
    ours = min((trueline_from_names(names, conversions, value) for _ in range(3)), key=lambda taken: taken.seconds)
    if (told := channel_attribution(names.to_pylist(), conversions, value)) is not None:
        _same("ChannelAttribution", ours.credits, told[1])
        parts |= {"trueline_from_names_s": ours.seconds, "channel_attribution_s": told[0]}
        parts["channel_attribution_times"] = told[0] / ours.seconds
    return parts


def _dp6(warehouse: Warehouse, asked: Asked, folder: Path, report_s: float) -> dict[str, Any]:
    """Times of all models that a release has, over the same journeys, ready-made.

    The release on pandas gets some of them: all would take minutes. Both get texts, the only form that they read.
    Trueline's time is told from the same texts and, as it keeps none, from columns; and that of the whole report from
    events, beside the time that all journeys would take.
    """
    parts: dict[str, Any] = {}
    ready = warehouse.query_arrow(*_ready(asked)).combine_chunks()
    given = {"pandas": ready.slice(0, SAMPLE), "polars": ready}
    for engine, (taken, theirs) in dp6(folder, given).items():
        paths, hours = (pa.concat_arrays(given[engine][name].chunks) for name in ("path", "hours"))
        one, nothing = np.ones(len(paths)), np.zeros(len(paths))
        told = Hours(hours, STEPS[engine])
        turns = [trueline_from_names(paths, one, nothing, models=theirs, hours=told) for _ in range(5)]
        _same(f"DP6 on {engine}", turns[0].credits, theirs)
        texts = statistics.median(turn.seconds for turn in turns)
        columns = statistics.median(turn.models_s for turn in turns)
        scaled = taken / len(paths) * len(ready)
        found = {"models": len(theirs), "journeys": len(paths), "s": taken, "scaled_s": scaled, "ours_s": texts}
        found |= {"ours_from_columns_s": columns, "times": taken / texts, "times_from_columns": taken / columns}
        parts |= {f"dp6_{engine}_{key}": number for key, number in found.items()}
        parts[f"dp6_{engine}_times_report"] = scaled / report_s
    return parts


def _ready(asked: Asked) -> Sql:
    """Journeys that converted, as DP6 takes them."""
    bound = Parameters()
    clauses = ",\n".join(replace(asked.journeys, lost=False).clauses(bound))
    hours = "toString((ended.at - t.at) / 3600000000)"
    return (
        f"WITH {clauses}\nSELECT arrayStringConcat(arrayMap(t -> t.name, touches), '{SEPARATOR}') AS path,\n"
        f"  arrayStringConcat(arrayMap(t -> {hours}, touches), '{SEPARATOR}') AS hours\n"
        "FROM journeys WHERE converted = 1 AND notEmpty(path0)",
        bound.values,
    )


def _same(what: str, ours: Credits, theirs: Mapping[str, Mapping[str, float]]) -> None:
    for model, credit in ours.items():
        found = [theirs[model].get(channel, 0.0) for channel in credit]
        if not np.allclose(found, list(credit.values()), rtol=EXACT, atol=0):
            raise AnswersDifferError(f"{what} says of {model} {theirs[model]}, Trueline {credit}")


def _summary(journeys: int, medians: Mapping[str, float], peers: Mapping[str, Any]) -> str:
    told = [
        f"{len(MODELS)} models over {journeys * TOUCHES_PER_JOURNEY:,} touches reported in {medians['report']:.2f} s, "
        f"by hand {medians['by_hand']:.2f} s ({medians['by_hand_plain']:.2f} s without tricks)"
    ]
    if "channel_attribution_times" in peers:
        times = _times(peers["channel_attribution_times"])
        told.append(f"from ready paths {times} times as fast as ChannelAttribution")
    for engine, release in RELEASES.items():
        if (key := f"dp6_{engine}_times") in peers:
            models, texts, columns = (peers[name] for name in (f"dp6_{engine}_models", key, f"{key}_from_columns"))
            told.append(
                f"{models} models of ready journeys {_times(texts)} times as fast as DP6 {release} ({engine}), "
                f"{_times(columns)} times from columns in place of texts"
            )
    return "; ".join(told)


def _times(ratio: float) -> str:
    """One decimal where the whole number would flatter."""
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


RULES = load_texts([("bench.yaml", DOCUMENT)])
QUESTION = Question(TENANT, START_US, END_US, document="bench")
