"""How many calls of ScoreFeature a second a server answers, for all personas, against an empty unary call.

The empty call is GetVersion, which passes credential, deadline and rules of fields as every call of Trueline's does.
The health check, which passes none of them, is told beside it.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc
from trueline.v1 import scoring_service_pb2 as pb
from trueline.v1 import scoring_service_pb2_grpc, system_service_pb2, system_service_pb2_grpc

from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess

GOAL = 0.6
# Enough at once that the server always has one to answer.
_AT_ONCE = 32
_KNOWN = {
    "estimated_revenue_impact": 20_000.0,
    "conversion_potential": 0.85,
    "complexity": 0.7,
    "ui_complexity": 0.3,
    "time_savings_hours_per_month": 15.0,
}
_PERSONAS = 6


class AnswersDifferError(RuntimeError):
    """A score is not what its inputs come to, so the times say nothing."""


@dataclass(frozen=True, slots=True)
class _Calls:
    """A method, and what it is asked in turn."""

    method: Callable[[Any], Awaitable[Any]]
    requests: Sequence[Any]


def run(*, small: bool) -> Result:
    """Median over the rounds, in each of which all calls are measured one after another."""
    rounds, seconds = (2, 0.2) if small else (15, 1.0)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name, ServerProcess(Path(name)) as server:
        rates = uvloop.run(_measure(server.address, rounds, seconds))
    median = {call: statistics.median(found) for call, found in rates.items()}
    ratio = _ratio(rates, "score", "empty")
    return Result(
        benchmark="score_rpc",
        ratio=ratio,
        goal=GOAL,
        better="higher",
        parts={
            "rounds": rounds,
            "seconds": seconds,
            **{f"{call}_per_s": round(rate) for call, rate in median.items()},
            "one_persona_ratio": _ratio(rates, "score_one", "empty"),
            "health_check_ratio": _ratio(rates, "score", "health_check"),
        },
        machine=machine(),
        summary=(
            f"{median['score']:,.0f} scores/s for {_PERSONAS} personas, {median['score_one']:,.0f}/s for one, "
            f"{median['empty']:,.0f} empty calls/s, {median['health_check']:,.0f} health checks/s"
        ),
        small=small,
    )


def _ratio(rates: Mapping[str, Sequence[float]], call: str, of: str) -> float:
    return statistics.median(one / other for one, other in zip(rates[call], rates[of], strict=True))


async def _measure(address: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    async with grpc.aio.insecure_channel(address) as channel:
        score = scoring_service_pb2_grpc.ScoringServiceStub(channel).ScoreFeature
        calls = {
            "health_check": _Calls(health_pb2_grpc.HealthStub(channel).Check, [health_pb2.HealthCheckRequest()]),
            "empty": _Calls(
                system_service_pb2_grpc.SystemServiceStub(channel).GetVersion,
                [system_service_pb2.GetVersionRequest()],
            ),
            "score": _Calls(score, _requests([])),
            "score_one": _Calls(score, _requests(["agency"])),
        }
        _check(await score(calls["score"].requests[0]), calls["score"].requests[0])
        rates: dict[str, list[float]] = {name: [] for name in calls}
        for number in range(rounds + 1):
            for name, one in calls.items():
                rate = await _rate(one, seconds)
                # The first round warms up.
                if number:
                    rates[name].append(rate)
        return rates


def _requests(personas: Sequence[str]) -> list[pb.ScoreFeatureRequest]:
    """Features of which no two are alike."""
    draw = random.Random(7)
    return [
        pb.ScoreFeatureRequest(
            feature=pb.FeatureInputs(
                feature_id=f"feature-{number}",
                inputs=[pb.InputValue(name=name, number=most * draw.random()) for name, most in _KNOWN.items()],
            ),
            personas=personas,
        )
        for number in range(1_000)
    ]


def _check(answer: pb.ScoreFeatureResponse, request: pb.ScoreFeatureRequest) -> None:
    complexity = next(one.number for one in request.feature.inputs if one.name == "complexity")
    workload = next(one.score.value for one in answer.score.dimensions if one.name == "workload")
    if abs(workload - 100 * (1 - complexity)) > 1e-9 or len(answer.score.personas) != _PERSONAS:
        raise AnswersDifferError(f"workload is {workload} at a complexity of {complexity}")


async def _rate(calls: _Calls, seconds: float) -> float:
    """Calls a second."""
    answered = 0
    start = time.perf_counter()
    end = start + seconds

    async def call(number: int) -> None:
        nonlocal answered
        while time.perf_counter() < end:
            await calls.method(calls.requests[number % len(calls.requests)])
            number += _AT_ONCE
            answered += 1

    await asyncio.gather(*(call(number) for number in range(_AT_ONCE)))
    return answered / (time.perf_counter() - start)
