"""The words of the life of rules: what is in force for whom, since when, and what happened to it. No protobuf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trueline_rules.errors import Problem
from trueline_rules.model import RuleSet

# Tenant -> the rules in force. Never blocks; one answer is one whole rule set.
RulesOf = Callable[[str], RuleSet]

ACTIVE, SHADOW = "active", "shadow"
# Whoever has no rules of their own.
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A rule set that is in force for a tenant, or runs in the shadow of the one in force.

    Attributes:
        rules: the rule set.
        version: counts the changes of this stage, from 1; as text it is the etag.
        since_us: when it came (µs since 1970, UTC).
        author: who brought it, as they told; "operator" for the operator's files.
        note: why, as they told.
        pinned: whether it stays on the default pack and the operator's files of then.
        own: whether it differs from what everybody else has.

    """

    rules: RuleSet
    version: int
    since_us: int
    author: str
    note: str
    pinned: bool
    own: bool = True


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Something that happened to the rules of a tenant.

    Attributes:
        number: ascends, with gaps.
        tenant: whose; EVERYBODY for the operator's files.
        at_us: when (µs since 1970, UTC).
        kind: "activated", "rolled_back", "shadowed", "shadow_ended", "loaded" (the operator's files changed),
            "load_failed", "load_mended".
        revision: the one that came, or that stays where a load failed; "" if a shadow ended.
        former: the one before it; "" if there was none.
        author, note: who and why, as they told.
        problems: why a load failed.

    """

    number: int
    tenant: str
    at_us: int
    kind: str
    revision: str
    former: str
    author: str
    note: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Why the rules of a tenant could not follow their files: since when (µs since 1970, UTC), and what is wrong."""

    since_us: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class RevisionInfo:
    """A stored revision of a tenant's rules.

    Attributes:
        revision: its digest.
        created_at_us: since when it is kept (µs since 1970, UTC).
        stages: that it is in.
        author, note: who brought it first, and why, as far as changes are kept.

    """

    revision: str
    created_at_us: int
    stages: tuple[str, ...]
    author: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation led to.

    Attributes:
        stage: as it is now; None if nothing was changed, or a shadow ended.
        revision: of the rules that were loaded; "" if they do not load.
        problems: why they do not load.

    """

    stage: Stage | None
    revision: str
    problems: tuple[Problem, ...] = ()
