"""What is attributed in another way than at an earlier instant or log position, conversion by conversion, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from trueline_server.attribution.asking import Asked, Asking, Needs
from trueline_server.attribution.causes import Cause, Causes, CauseTotal, LateConversion, Lost, find_causes
from trueline_server.attribution.changed_conversions import MOST_EVENTS, FindChanges
from trueline_server.attribution.choosing import choose_models, touch_model
from trueline_server.attribution.credit_moves import Move, Side, moves
from trueline_server.attribution.event_rows import FindLateConversions, FindPosition, FindStitches, ReadEvents
from trueline_server.attribution.models import Model, WShaped
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.attribution.rounding import rounded
from trueline_server.attribution.stitch_causes import EventRow, Stitch, searched, stitches_of
from trueline_server.errors import invalid_field

# Positions that one statement is given.
_AT_ONCE = 10_000
# Columns of FindChanges with positions: of what is another conversion's or person's now, and of what else is told.
_MOVED = ("moved_in", "lost_touches", "lost_refunds")
_POSITIONS = (*_MOVED, "late_touches", "late_refunds", "touches", "touches_before")


@dataclass(frozen=True, slots=True)
class Earlier:
    """The same question as it was known earlier.

    Attributes:
        asked: with the journeys of then.
        last_position: log position up to which events were known.

    """

    asked: Asked
    last_position: int


@dataclass(frozen=True, slots=True)
class Change:
    """A conversion that is attributed in another way; see ConversionChange in the contract."""

    event: EventRow
    existed: bool
    person_before: str
    value: Decimal
    value_before: Decimal
    channels: tuple[str, ...]
    channels_before: tuple[str, ...]
    causes: tuple[Cause, ...]
    events: tuple[tuple[EventRow, Cause], ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Changed conversions of a page by time, how many there are in all, and what all of them come to by cause."""

    asked: Asked
    changes: tuple[Change, ...]
    totals: tuple[CauseTotal, ...]
    total_changes: int


@dataclass(frozen=True, slots=True)
class Found:
    """All changed conversions.

    Attributes:
        changed: columns as FindChanges has them.
        sums: values of all conversions now and before, then of those without a touch now and before.
        causes: of the changed ones.

    """

    changed: pa.Table
    sums: Sequence[float]
    causes: Causes


def known_earlier(asking: Asking, asked: Asked, *, at_us: int | None = None, position: int | None = None) -> Earlier:
    """The same question with what had been accepted by an instant, or what lay up to a log position. Blocks.

    Raises:
        TruelineError: INVALID_FIELD, this lies behind the question's own.

    """
    question, end = asked.question, asked.journeys.scope.position or 0
    if position is not None:
        if position > end:
            raise invalid_field("since_position", f"is {position}, behind the question's {end}; nothing has changed")
        return Earlier(asking.ask(replace(question, position=position), Needs.VALUES), position)
    if at_us is None:
        raise invalid_field("since", "is not given; name changed_since or since_position")
    if question.known_us is not None and at_us > question.known_us:
        raise invalid_field("changed_since", "is behind the question's known_at; nothing has changed")
    # Costs of then are among those of now, which were looked at.
    ((last,),) = asking.rows(FindPosition(asked.journeys.scope, at_us))
    return Earlier(asking.ask(replace(question, known_us=at_us), Needs.VALUES), int(last))


def list_changes(
    asking: Asking, asked: Asked, earlier: Earlier, models: Sequence[str], *, skip: int, size: int
) -> Changes:
    """A page of changed conversions, and what all of them come to. Blocks.

    Args:
        asking: reads the warehouse.
        asked: about which conversions.
        earlier: what they are compared with.
        models: names; () = all that weigh touches.
        skip: conversions before the page.
        size: of the page, from 1.

    Raises:
        TruelineError: UNKNOWN_ATTRIBUTION_MODEL; INVALID_FIELD, a model knows channels only.

    """
    chosen = {name: touch_model(spec) for name, spec in choose_models(asked.document, models, by_touch=True).items()}
    found = find_changes(asking, asked, earlier, chosen.values(), skip=skip, page=size)
    digits = minor_unit_digits(asked.document.currency)
    rows = found.changed.slice(skip, size).to_pylist()
    reader = _Page(asking, asked, earlier, rows, [found.causes.of(skip + place) for place in range(len(rows))])
    events = reader.events([found.causes.takers.get(skip + place, ()) for place in range(len(rows))])
    sides = [(_side(row, reader.read, digits, "_before"), _side(row, reader.read, digits)) for row in rows]
    moved = moves(sides, chosen, digits)
    changes = tuple(
        Change(
            event=reader.read[row["position"]],
            existed=bool(row["existed"]),
            person_before=row["person_before"],
            value=now.value,
            value_before=before.value,
            channels=tuple(channel for _, channel in now.touches),
            channels_before=tuple(channel for _, channel in before.touches),
            causes=reader.causes[place],
            events=events[place],
            moves=moved[place],
        )
        for place, (row, (before, now)) in enumerate(zip(rows, sides, strict=True))
    )
    totals = found.causes.totals(found.changed, digits, _change(found.sums, digits))
    return Changes(asked, changes, totals, found.changed.num_rows)


def cause_totals(
    asking: Asking, asked: Asked, earlier: Earlier, models: Iterable[Model], change: Decimal
) -> tuple[CauseTotal, ...]:
    """What changed by cause, where the values of all conversions together changed by `change`. Blocks."""
    found = find_changes(asking, asked, earlier, models)
    digits = minor_unit_digits(asked.document.currency)
    return found.causes.totals(found.changed, digits, change)


def find_changes(
    asking: Asking, asked: Asked, earlier: Earlier, models: Iterable[Model], *, skip: int = 0, page: int = 0
) -> Found:
    """All changed conversions and their causes; touches of those of the page only. Blocks."""
    marked = any(isinstance(model, WShaped) for model in models)
    now, then, last = asked.journeys, earlier.asked.journeys, earlier.last_position
    table = asking.columns(FindChanges(now, then, last, marked, skip, page))
    sums = [float(np.sum(table[name].to_numpy())) for name in ("value", "value_before", "alone", "alone_before")]
    changed = table.filter(pa.compute.not_equal(table["position"], 0)).combine_chunks()
    gone = [
        position
        for column in ("lost_touches", "lost_refunds")
        for position in pa.compute.list_flatten(changed[column]).to_pylist()
    ]
    lost: dict[int, Lost] = {}
    came: defaultdict[str, list[LateConversion]] = defaultdict(list)
    if gone:
        read = _read(asking, asked, earlier, gone)
        lost = {position: Lost(row.at_us, row.person) for position, row in read.items()}
        for person, at_us, position in asking.rows(FindLateConversions(now, last)):
            came[str(person)].append(LateConversion(int(at_us), int(position)))
    return Found(changed, sums, find_causes(changed, lost, came, split=asked.document.split))


@dataclass(slots=True)
class _Page:
    """Conversions of a page and the events that they are told with."""

    asking: Asking
    asked: Asked
    earlier: Earlier
    rows: Sequence[Mapping[str, Any]]
    causes: Sequence[tuple[Cause, ...]]
    read: dict[int, EventRow]

    def __init__(
        self,
        asking: Asking,
        asked: Asked,
        earlier: Earlier,
        rows: Sequence[Mapping[str, Any]],
        causes: Sequence[tuple[Cause, ...]],
    ) -> None:
        self.asking, self.asked, self.earlier, self.rows, self.causes = asking, asked, earlier, rows, causes
        positions = [position for row in rows for column in _POSITIONS for position in row[column]]
        self.read = _read(asking, asked, earlier, [*positions, *(row["position"] for row in rows)])

    def events(self, takers: Sequence[tuple[int, ...]]) -> list[tuple[tuple[EventRow, Cause], ...]]:
        """What did it, of each conversion, as it was accepted."""
        found = [list(self._own(place)) for place in range(len(self.rows))]
        stitched = self._stitches()
        for place, some in enumerate(found):
            some += [(position, Cause.STITCH) for position in stitched.get(place, ())]
            some += [(position, Cause.OTHER_CONVERSION) for position in takers[place]]
        missing = {position for some in found for position, _ in some} - self.read.keys()
        self.read |= _read(self.asking, self.asked, self.earlier, sorted(missing))
        return [tuple((self.read[position], cause) for position, cause in sorted(some)[:MOST_EVENTS]) for some in found]

    def _own(self, place: int) -> Iterable[tuple[int, Cause]]:
        row = self.rows[place]
        if not row["existed"]:
            yield row["position"], Cause.CONVERSION
        yield from ((position, Cause.REFUND) for position in row["late_refunds"])
        yield from ((position, Cause.TOUCH) for position in row["late_touches"])

    def _stitches(self) -> dict[int, list[int]]:
        """Log positions of the stitches, of the conversions that are what they are because of some."""
        moved = {
            place: [
                self.read[row["position"]],
                *(self.read[position] for column in _MOVED for position in row[column]),
            ]
            for place, row in enumerate(self.rows)
            if Cause.STITCH in self.causes[place]
        }
        if not moved:
            return {}
        persons, nodes = searched(moved)
        now, then = self.asked.journeys, self.earlier.asked.journeys
        statement = FindStitches(now, then, self.earlier.last_position, persons, nodes)
        stitches = [
            Stitch(int(at), str(person), ids, before) for at, person, ids, before in self.asking.rows(statement)
        ]
        return {
            place: stitches_of((self.rows[place]["person_before"], self.rows[place]["person"]), some, stitches)
            for place, some in moved.items()
        }


def _change(sums: Sequence[float], digits: int) -> Decimal:
    """What totals changed by; a report rounds what touches led to and what none did each on its own."""
    now, before, alone, alone_before = sums
    parts = rounded(np.array([now - alone]), digits) + rounded(np.array([alone]), digits)
    former = rounded(np.array([before - alone_before]), digits) + rounded(np.array([alone_before]), digits)
    return sum(parts, Decimal(0)) - sum(former, Decimal(0))


def _read(asking: Asking, asked: Asked, earlier: Earlier, positions: Sequence[int]) -> dict[int, EventRow]:
    wanted = list(dict.fromkeys(positions))
    read: dict[int, EventRow] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        statement = ReadEvents(asked.journeys, earlier.asked.journeys, wanted[start : start + _AT_ONCE])
        for position, *further in asking.rows(statement):
            read[int(position)] = EventRow(int(position), *further)
    return read


def _side(row: Mapping[str, Any], read: Mapping[int, EventRow], digits: int, suffix: str = "") -> Side:
    (value,) = rounded(np.array([row[f"value{suffix}"]]), digits)
    touches = [(read[position].at_us, read[position].channel) for position in row[f"touches{suffix}"]]
    marks = row[f"marks{suffix}"]
    there = not suffix or bool(row["existed"])
    return Side(there, row["at"], value, touches, (marks["1"], marks["2"]))
