"""Facts that requests bring along."""

from __future__ import annotations

from collections.abc import Iterable

from trueline.v1 import compliance_service_pb2 as pb

from trueline_server.compliance.kept_facts import GivenFact
from trueline_server.rules.values import map_value_from_proto


def given_of(facts: Iterable[pb.GivenFact]) -> tuple[GivenFact, ...]:
    """The facts of a request.

    Raises:
        TruelineError: INVALID_FIELD, for a fact without a value.

    """
    return tuple(
        GivenFact(fact.name, map_value_from_proto(fact.value, f"facts[{place}].value"), f"facts[{place}]")
        for place, fact in enumerate(facts)
    )
