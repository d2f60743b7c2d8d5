"""How a million accounts are, in one stream, against asking for each: by facts, events, and a churn rule.

One by one is measured on a sample over gRPC in the same run, and scaled. The answers of the sample are compared first.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
from trueline.v1 import scoring_service_pb2 as pb
from trueline.v1 import scoring_service_pb2_grpc

from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess

GOAL = 100.0
_FACTS = {
    "open_tickets": "toFloat64(cityHash64(number, 1) % 6)",
    "resolution_hours": "toFloat64(cityHash64(number, 2) % 200)",
    "support_satisfaction": "1 + toFloat64(cityHash64(number, 3) % 5)",
    "failed_payments_90d": "toFloat64(cityHash64(number, 4) % 3)",
    "days_to_renewal": "toFloat64(cityHash64(number, 5) % 365)",
    "tenure_days": "toFloat64(cityHash64(number, 6) % 900)",
    "days_since_active": "toFloat64(cityHash64(number, 7) % 60)",
}
_TEXTS = {
    "persona": "['solo_podcaster', 'producer', 'agency', 'brand', 'nobody'][cityHash64(number, 8) % 5 + 1]",
    "subscription_status": "['active', 'active', 'past_due', 'cancelled'][cityHash64(number, 9) % 4 + 1]",
}
_NAMES = "['user_logged_in', 'workflow_created', 'suggestion_applied', 'payment_succeeded', 'campaign_spent']"
_EVENTS_PER_ACCOUNT = 5
_IDLE_S = 3.0
_LONGEST_S = 3_600.0


class AnswersDifferError(RuntimeError):
    """An account is not the same in the stream and by itself, so the times say nothing."""


@dataclass(slots=True)
class _Read:
    """What one reading of all accounts took."""

    seconds: float
    accounts: int
    first_s: float
    grown_mb: float
    sampled: dict[str, pb.AccountHealth]


def run(*, small: bool) -> Result:
    """The stream as the median of three, one by one on a sample."""
    accounts, sample, rounds = (5_000, 20, 1) if small else (1_000_000, 200, 3)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "benchmarks.health_batch", str(folder / "data"), str(accounts)]
        subprocess.run(command, check=True)
        with ServerProcess(folder, {"TRUELINE_HEALTH_INTERVAL_S": "1000000"}) as server:
            first_look_s = _wait_until_idle(server)
            with grpc.insecure_channel(server.address) as channel:
                stub = scoring_service_pb2_grpc.ScoringServiceStub(channel)
                ids = [_account(number) for number in random.Random(5).sample(range(accounts), sample)]
                reads = sorted(
                    (_read(stub, server, frozenset(ids)) for _ in range(rounds)), key=lambda one: one.seconds
                )
                middle = reads[len(reads) // 2]
                one_s = _one_by_one(stub, ids, middle)
    if middle.accounts != accounts:
        raise AnswersDifferError(f"{middle.accounts} accounts came, {accounts} are there")
    scaled_s = one_s * accounts
    grown = max(one.grown_mb for one in reads)
    return Result(
        benchmark="health_batch",
        ratio=scaled_s / middle.seconds,
        goal=GOAL,
        better="higher",
        parts={
            "accounts": accounts,
            "events": accounts * _EVENTS_PER_ACCOUNT,
            "facts": accounts * (len(_FACTS) + len(_TEXTS)),
            "stream_s": [one.seconds for one in reads],
            "first_message_s": middle.first_s,
            "rss_grown_mb": grown,
            "first_look_s": first_look_s,
            "sample": sample,
            "one_ms": one_s * 1000,
            "one_by_one_scaled_s": scaled_s,
        },
        machine=machine(),
        summary=(
            f"{accounts:,} accounts in {middle.seconds:.1f} s, memory {grown:+.0f} MB; "
            f"one by one {scaled_s:,.0f} s ({one_s * 1000:.1f} ms each, measured on {sample}, scaled)"
        ),
        small=small,
    )


def _account(number: int) -> str:
    return f"acct-{number:08d}"


def _read(stub: scoring_service_pb2_grpc.ScoringServiceStub, server: ServerProcess, wanted: frozenset[str]) -> _Read:
    started, seen, first_s, last = time.perf_counter(), 0, 0.0, ""
    sampled: dict[str, pb.AccountHealth] = {}
    with _watched(server) as peak:
        before = server.resident_bytes()
        for message in stub.BatchScoreAccountHealth(pb.BatchScoreAccountHealthRequest()):
            first_s = first_s or time.perf_counter() - started
            for one in message.accounts:
                if one.account_id <= last:
                    raise AnswersDifferError(f"{one.account_id} comes after {last}")
                last = one.account_id
                seen += 1
                if last in wanted:
                    sampled[last] = one
        seconds = time.perf_counter() - started
    return _Read(seconds, seen, first_s, (max(peak) - before) / 2**20, sampled)


def _one_by_one(stub: scoring_service_pb2_grpc.ScoringServiceStub, ids: list[str], all_of: _Read) -> float:
    """Seconds an account; their answers are those of the stream."""
    stub.ScoreAccountHealth(pb.ScoreAccountHealthRequest(account_id=ids[0]))
    started = time.perf_counter()
    answers = [stub.ScoreAccountHealth(pb.ScoreAccountHealthRequest(account_id=one)) for one in ids]
    seconds = (time.perf_counter() - started) / len(ids)
    for answer in answers:
        other = all_of.sampled[answer.account_id]
        own = (answer.score.value, answer.health, answer.coverage, answer.persona)
        streamed = (other.score, other.health, other.coverage, other.persona)
        # Of a model both are the same to the last bit of an exponential.
        if own != streamed or abs(answer.churn.probability - other.churn_probability) > 1e-12:
            raise AnswersDifferError(f"{answer.account_id}: by itself {own}, in the stream {streamed}")
    return seconds


@contextmanager
def _watched(server: ServerProcess) -> Iterator[list[int]]:
    """The server's resident memory, every twentieth of a second."""
    seen, ended = [server.resident_bytes()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            seen.append(server.resident_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _wait_until_idle(server: ServerProcess) -> float:
    """Wait until the server has looked at all accounts, as it does once it is up; the seconds that it took."""
    process, started, idle = psutil.Process(server.pid), time.perf_counter(), 0.0
    while idle < _IDLE_S and time.perf_counter() - started < _LONGEST_S:
        idle = idle + 1.0 if process.cpu_percent(1.0) < 20 else 0.0
    return time.perf_counter() - started - idle


def _fill(folder: Path, accounts: int) -> None:
    """Put accounts into a warehouse that no server has open, as if they had been put in over time."""
    from trueline_stores.warehouse.client import Warehouse

    warehouse = Warehouse.chdb(folder / "warehouse")
    warehouse.migrate()
    now = "fromUnixTimestamp64Micro(toUnixTimestamp64Micro(now64(6, 'UTC')) - toInt64({} % 30) * 86400000000, 'UTC')"
    ids = "concat('acct-', leftPad(toString({}), 8, '0'))"
    for column, facts in (("number", _FACTS), ("text", _TEXTS)):
        for name, value in facts.items():
            warehouse.command(
                f"INSERT INTO trueline.facts (tenant, subject, name, subject_id, observed_at, {column}, revision) "
                f"SELECT 'default', 'account', '{name}', {ids.format('number')}, {now.format('number')}, {value}, 1 "
                f"FROM numbers({accounts})"
            )
    warehouse.command(
        "INSERT INTO trueline.events (tenant, source, id, name, occurred_at, accepted_at, account_id, user_id, value, "
        "position, watermark) SELECT 'default', 'bench', toString(number), "
        f"{_NAMES}[cityHash64(number, 10) % 5 + 1], {now.format('cityHash64(number, 11)')} AS at, at, "
        f"{ids.format(f'cityHash64(number, 12) % {accounts}')} AS account, account, 19, number, at "
        f"FROM numbers({accounts * _EVENTS_PER_ACCOUNT})"
    )
    warehouse.close()


if __name__ == "__main__":
    _fill(Path(sys.argv[1]), int(sys.argv[2]))
