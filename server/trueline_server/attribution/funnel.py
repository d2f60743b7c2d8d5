"""How many people come from step to step, in all and by the channel that brought them to the first one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trueline_rules.attribution_model import Selection
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.asking import Asked, Asking, check_played
from trueline_server.attribution.identity import NODES
from trueline_server.attribution.journeys import Journeys, event_text
from trueline_server.attribution.scope import instant, named


@dataclass(frozen=True, slots=True)
class Step:
    """A step: what it is called, and which events it is."""

    name: str
    of: Selection


@dataclass(frozen=True, slots=True)
class Funnel:
    """People by how far they came.

    Attributes:
        asked: what was asked.
        steps: names.
        people: for each step, how many came so far.
        channels: the same by channel of the last touch before the first step, "" = none; the largest first.

    """

    asked: Asked
    steps: tuple[str, ...]
    people: tuple[int, ...]
    channels: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class CountLevels:
    """How far people came.

    Attributes:
        journeys: whose first step lies in their period; touches within their lookback before it tell the channel.
        steps: names of the events of each step, at least one each.
        window_us: the last step is at most so long after the first.

    """

    journeys: Journeys
    steps: tuple[tuple[str, ...], ...]
    window_us: int

    def to_sql(self) -> Sql:
        """The statement; rows (channel, level, people), the level from 1 is the last step that they came to."""
        bound = Parameters()
        journeys, scope = self.journeys, self.journeys.scope
        start, end = (bound.add(name, "Int64", us) for name, us in (("start", scope.start_us), ("end", scope.end_us)))
        window = bound.add("window", "Int64", self.window_us)
        lookback = bound.add("lookback", "Int64", journeys.converting.lookback_us)
        touch = named("touches", journeys.model.touches.of.names(journeys.mapping), bound)
        every = sorted({name for names in self.steps for name in names})
        times = instant("since_us", scope.start_us - journeys.converting.lookback_us, bound)
        flags = [f"{named(f'step{place}', names, bound)} AS is{place}" for place, names in enumerate(self.steps, 1)]
        events = (
            f"SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, {NODES}, {touch} AS is0,\n"
            f"  {', '.join(flags)}, {event_text(journeys.model.touches.channel, bound, 'channel')} AS label\n"
            f"  FROM {EVENTS.full_name} WHERE {scope.bound(bound)} AND ({touch} OR {named('steps', every, bound)})\n"
            f"  AND occurred_at >= {times} "
            f"AND occurred_at <= {instant('until_us', scope.end_us + self.window_us, bound)}"
        )
        places = range(1, 1 + len(flags))
        seen = [f"arraySort(groupArrayIf((at, position), is{place})) AS seen{place}" for place in places]
        # One event is one step, also where two steps are of the same events.
        came = [f"arrayFirst(s -> s.1 >= {start} AND s.1 < {end}, seen1) AS came1"]
        came += [
            f"if(came{place - 1}.2 = 0, (toInt64(0), toUInt64(0)), arrayFirst(s -> s > came{place - 1} "
            f"AND s.1 <= came1.1 + {window}, seen{place})) AS came{place}"
            for place in places[1:]
        ]
        level = " + ".join(f"(came{place}.2 != 0)" for place in places)
        before = f"arrayLast(t -> t.1 <= came1.1 AND t.1 >= came1.1 - {lookback}, touches).3"
        return (
            f"SELECT {before} AS channel, {level} AS level, count() AS people\nFROM (\n"
            f"  SELECT arraySort(groupArrayIf((at, position, label), is0)) AS touches,\n    "
            + ",\n    ".join([*seen, *came])
            + f"\n  FROM ({journeys.identity.rows(events)})\n"
            "  WHERE user_id != '' OR notEmpty(nodes) GROUP BY person\n)\n"
            "WHERE came1.2 != 0 GROUP BY channel, level ORDER BY channel, level",
            bound.values,
        )


def funnel(asking: Asking, asked: Asked, steps: Sequence[Step], window_us: int) -> Funnel:
    """Count people. Blocks.

    Args:
        asking: reads the warehouse.
        asked: whose first step lies in which period.
        steps: two or more.
        window_us: the last step is at most so long after the first.

    Raises:
        TruelineError: UNPLAYED_ROLE.

    """
    names = tuple(check_played(asked.rules, f"step {step.name}", step.of) for step in steps)
    levels: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for channel, level, people in asking.rows(CountLevels(asked.journeys, names, window_us)):
        levels[str(channel)][int(level)] += int(people)
    by_channel = [(channel, _so_far(counts, len(steps))) for channel, counts in levels.items()]
    by_channel.sort(key=lambda row: (-row[1][0], row[0]))
    every = sum(levels.values(), Counter[int]())
    return Funnel(asked, tuple(step.name for step in steps), _so_far(every, len(steps)), tuple(by_channel))


def _so_far(levels: Counter[int], steps: int) -> tuple[int, ...]:
    return tuple(sum(people for level, people in levels.items() if level >= step) for step in range(1, steps + 1))
