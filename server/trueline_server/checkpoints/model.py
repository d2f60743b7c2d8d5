"""What checkpoints are to their callers, as frozen values. No protobuf, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueline_rules.checkpoints.results import CellResult, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """A checkpoint that somebody asks for.

    Attributes:
        policy: name of a CheckpointPolicy in force.
        title: what to call the run, e.g. "Q1 2024 Scaling Checkpoint"; "" = the policy's name and the day.
        days: length of the period judged (1 to 366); 0 = as the policy says.
        at_us: the instant judged (µs since 1970, UTC); None = the tenant's default: now while its events come live,
            else the end of its data.
        judge_only: whether misses open no cases and nothing is resolved.
        request_id: of the caller, for repeating the call without a second run; "" = none.

    """

    policy: str
    title: str = ""
    days: int = 0
    at_us: int | None = None
    judge_only: bool = False
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A finished run of a policy; instants in µs since 1970 (UTC).

    Attributes:
        tenant: whose.
        id: "checkpoint-7".
        number: 7; counts the runs of a tenant.
        policy: name of the policy.
        title: of the run.
        question: that it answers.
        revision: of the rules that judged.
        verdict: over all cells.
        at_us: the instant judged.
        days: length of the period judged.
        started_us, finished_us: of the run, by the server's clock.
        judge_only: whether it opened and resolved no cases, because it was asked not to or judged an instant before
            that of a run that did.
        cells: in the order of the policy; () in lists.
        counts: outcome -> number of cells with it, each outcome.

    """

    tenant: str
    id: str
    number: int
    policy: str
    title: str
    question: str
    revision: str
    verdict: Verdict
    at_us: int
    days: int
    started_us: int
    finished_us: int
    judge_only: bool
    cells: tuple[CellResult, ...]
    counts: Mapping[Outcome, int]
