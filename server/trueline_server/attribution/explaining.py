"""One conversion, touch by touch: whose it was, how that is known, and what each touch earned and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from trueline_rules.names import quoted

from trueline_server.attribution.asking import Asked, Asking, Needs, Question
from trueline_server.attribution.choosing import choose_models, touch_model
from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.models import Touches, weights
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.attribution.reasons import Place, reason
from trueline_server.attribution.rounding import rounded
from trueline_server.attribution.statements import FindConversion, ReadJourney, ReadStitches
from trueline_server.errors import TruelineError
from trueline_server.kpis.instants import FIRST_US

_DAY_US = 86_400_000_000
# Asked for at once: more do not fit into the parameters of a statement that is sent to a server.
_POSITIONS = 4_000


@dataclass(frozen=True, slots=True)
class Stitch:
    """What a person is known by: an id, "" = the event names the user; and the share of its sightings that say so."""

    id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Part:
    """What a touch earned by a model: its weight (0 to 1), its value in whole minor units, and why."""

    weight: float
    value: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class ExplainedTouch:
    """A touch of a journey; `at_us` in µs since 1970 (UTC), `parts` by model."""

    at_us: int
    channel: str
    campaign: str
    stitch: Stitch
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class ExplainedJourney:
    """A conversion; `converted_at_us` in µs since 1970 (UTC), touches with the oldest first."""

    asked: Asked
    person: str
    stitch: Stitch
    converted_at_us: int
    value: Decimal
    segment: str
    models: tuple[str, ...]
    touches: tuple[ExplainedTouch, ...]


def explain(
    asking: Asking, question: Question, conversion_id: str, source: str, models: Sequence[str]
) -> ExplainedJourney:
    """Explain a conversion. Blocks.

    Args:
        asking: reads the warehouse.
        question: names tenant, document and type of conversion; its period does not matter.
        conversion_id: id of the event.
        source: of the event; "" = whichever has it.
        models: names; () = all that weigh touches.

    Raises:
        TruelineError: UNKNOWN_CONVERSION, UNKNOWN_ATTRIBUTION_MODEL, and what Asking.ask raises.

    """
    anywhere = asking.ask(replace(question, start_us=FIRST_US, end_us=FIRST_US + _DAY_US), Needs.NO_MONEY)
    chosen = choose_models(anywhere.document, models, by_touch=True)
    position, at_us, person = _find(asking, anywhere, conversion_id, source)
    asked = asking.ask(replace(anywhere.question, start_us=at_us, end_us=at_us + 1), Needs.VALUES)
    journeys = replace(asked.journeys, campaigns=True, person=person)
    ((_, _, value, segment, lead, opportunity, rows),) = asking.rows(ReadJourney(journeys, position))
    stitches = _stitches(asking, journeys, [position, *(int(row[3]) for row in rows)])
    digits = minor_unit_digits(asked.document.currency)
    (told,) = rounded(np.array([float(value)]), digits)
    touches = _touches(rows, at_us, int(lead), int(opportunity))
    parts: list[dict[str, Part]] = [{} for _ in rows]
    for name, spec in chosen.items():
        model = touch_model(spec)
        earned = weights(model, touches)
        values = rounded(earned * float(told), digits, total=told)
        for place, weight in enumerate(earned.tolist()):
            where = Place(place + 1, len(rows), (at_us - rows[place][0]), lead == place + 1, opportunity == place + 1)
            parts[place][name] = Part(weight, values[place], reason(model, where, str(rows[place][1])))
    explained = tuple(
        ExplainedTouch(int(at), str(channel), str(campaign), stitches[int(of)], parts[place])
        for place, (at, channel, campaign, of) in enumerate(rows)
    )
    return ExplainedJourney(asked, person, stitches[position], at_us, told, str(segment), tuple(chosen), explained)


def _stitches(asking: Asking, journeys: Journeys, positions: Sequence[int]) -> dict[int, Stitch]:
    """What the persons of events are known by, by log position."""
    found: dict[int, Stitch] = {}
    for first in range(0, len(positions), _POSITIONS):
        for position, node, share in asking.rows(ReadStitches(journeys, positions[first : first + _POSITIONS])):
            found[int(position)] = Stitch(str(node), float(share))
    return found


def _find(asking: Asking, asked: Asked, conversion_id: str, source: str) -> tuple[int, int, str]:
    """Log position, instant and person of a conversion."""
    found = asking.rows(FindConversion(asked.journeys, conversion_id, source))
    if len(found) > 1:
        sources = ", ".join(sorted(str(row[2]) for row in found))
        told = f"several sources have a conversion {quoted(conversion_id)}: {sources}, …; name one of them as source"
        raise TruelineError("NOT_FOUND", "UNKNOWN_CONVERSION", told, metadata={"id": conversion_id, "sources": sources})
    if not found:
        event = f"{quoted(conversion_id)}{f' of the source {quoted(source)}' if source else ''}"
        told = (
            f"no event of the id {event} is a conversion of the type {asked.journeys.conversion}; "
            f"the document {quoted(asked.document.metadata.name)} has {', '.join(asked.document.conversions)}"
        )
        raise TruelineError("NOT_FOUND", "UNKNOWN_CONVERSION", told, metadata={"id": conversion_id})
    position, at_us, _, person = found[0]
    return int(position), int(at_us), str(person)


def _touches(rows: Sequence[tuple[int, str, str, object]], at_us: int, lead: int, opportunity: int) -> Touches:
    codes = {str(channel): code for code, channel in enumerate(dict.fromkeys(channel for _, channel, *_ in rows))}
    return Touches(
        tuple(codes),
        np.array([codes[str(channel)] for _, channel, *_ in rows], np.int32),
        np.array([0, len(rows)], np.int64),
        np.array([at for at, *_ in rows], np.int64),
        np.array([at_us], np.int64),
        np.array([lead - 1], np.int64),
        np.array([opportunity - 1], np.int64),
    )
