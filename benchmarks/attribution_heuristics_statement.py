"""The seven heuristics over the benchmark's events in one statement, written by hand for this one case.

It may do what Trueline cannot: it knows the tenant's only source of events, that every event has a user and that no id
has to be stitched, that every touch names its channel as a text, that there are no refunds, currencies, segments,
campaigns, transforms or limits of period and log position, and all parameters of the models. Like Trueline it cuts
journeys at orders, looks back 30 days, orders moments at one instant by kind and position, and sums parts of
conversions and of their value for each channel and model. `PACKED` also uses what made Trueline fast: a dictionary of
channels, and moments packed into numbers. `PLAIN` is the same as one would write it down first, with tuples and names.
"""

from __future__ import annotations

from trueline_stores.warehouse.tables import EVENTS

from benchmarks.attribution_heuristics_events import TENANT

_NAMES = "['touched', 'became_lead', 'became_opportunity', 'ordered']"
_FROM = f"{EVENTS.full_name} WHERE tenant = '{TENANT}' AND name IN {_NAMES}"
_LOOKBACK_US = 30 * 86_400_000_000
_HALF_LIFE_US = 7 * 86_400_000_000

_MARKED = "(1 + (lead > 1) + (opportunity > 1 AND opportunity != lead))"
_REST = "greatest(0.7 - if(lead > 0, 0.3, 0) - if(opportunity > 0, 0.3, 0), 0)"
_W_SHAPED = (
    "(if(i = 1, 0.3, 0) + if(i = lead, 0.3, 0) + if(i = opportunity, 0.3, 0) + multiIf("
    f"n = {_MARKED}, {_REST} / n, i = 1 OR i = lead OR i = opportunity, 0, {_REST} / (n - {_MARKED})))"
)
_WEIGHTS = (
    "i = 1",
    "i = n",
    "i = if(chosen = 0, n, chosen)",
    "1 / n",
    f"exp2((at - last_at) / {_HALF_LIFE_US}) / decay",
    "multiIf(n = 1, 1, n = 2, 0.5, i = 1 OR i = n, 0.4, 0.2 / (n - 2))",
    _W_SHAPED,
)
_SUMS = ",\n  ".join(f"sum({weight} AS w{place}), sum(w{place} * worth)" for place, weight in enumerate(_WEIGHTS))
_PLACES = (
    f"arraySum(a -> exp2((a - last_at) / {_HALF_LIFE_US}), ats) AS decay,\n"
    "  if(lead_at = 0, 0, arrayLastIndex(a -> a <= lead_at, ats)) AS lead,\n"
    "  if(opportunity_at = 0, 0, arrayLastIndex(a -> a <= opportunity_at, ats)) AS opportunity"
)
_KIND = "toUInt8(bitShiftRight({}, 160))"
_AT = "toInt64(bitShiftRight({}, 168))"


def _first_at(kind: int) -> str:
    return _AT.format(f"arrayFirst(m -> {_KIND.format('m')} = {kind}, part)")


PACKED = f"""\
WITH (SELECT groupUniqArray(properties['channel']) FROM {EVENTS.full_name}
  WHERE tenant = '{TENANT}' AND name = 'touched') AS names,
people AS (SELECT user_id, arraySort(groupArray(reinterpretAsUInt256(concat(
    reinterpretAsFixedString(toFloat64(ifNull(value, 0))),
    reinterpretAsFixedString(toUInt32(if(kind = 1,
      transform(properties['channel'], names, arrayEnumerate(names), 0), 0))),
    reinterpretAsFixedString(position),
    reinterpretAsFixedString(toUInt8(indexOf({_NAMES}, name) AS kind)),
    reinterpretAsFixedString(toUnixTimestamp64Micro(occurred_at)))))) AS moments
  FROM {_FROM} GROUP BY user_id),
parts AS (SELECT arrayJoin(arrayReverseSplit(m -> {_KIND.format("m")} = 4, moments)) AS part, part[-1] AS ended,
  {_AT.format("ended")} AS ended_at,
  arrayFilter(m -> {_KIND.format("m")} = 1 AND {_AT.format("m")} >= ended_at - {_LOOKBACK_US}, part) AS touches
  FROM people),
journeys AS (SELECT reinterpretAsFloat64(toUInt64(ended)) AS worth,
  arrayMap(m -> {_AT.format("m")}, touches) AS ats,
  arrayMap(m -> toUInt32(bitShiftRight(m, 64)), touches) AS channels,
  length(touches) AS n, ats[-1] AS last_at,
  arrayLastIndex(c -> c != indexOf(names, 'direct'), channels) AS chosen,
  {_first_at(2)} AS lead_at, {_first_at(3)} AS opportunity_at,
  {_PLACES}
  FROM parts WHERE {_KIND.format("ended")} = 4)
SELECT names[c] AS channel, count(),
  {_SUMS}
FROM journeys ARRAY JOIN ats AS at, channels AS c, arrayEnumerate(ats) AS i GROUP BY channel ORDER BY channel
"""

PLAIN = f"""\
WITH people AS (SELECT user_id, arraySort(groupArray((toUnixTimestamp64Micro(occurred_at),
    indexOf({_NAMES}, name), position, properties['channel'], toFloat64(ifNull(value, 0))))) AS moments
  FROM {_FROM} GROUP BY user_id),
parts AS (SELECT arrayJoin(arrayReverseSplit(m -> m.2 = 4, moments)) AS part, part[-1] AS ended,
  arrayFilter(m -> m.2 = 1 AND m.1 >= ended.1 - {_LOOKBACK_US}, part) AS touches FROM people),
journeys AS (SELECT ended.5 AS worth, arrayMap(m -> m.1, touches) AS ats, arrayMap(m -> m.4, touches) AS channels,
  length(touches) AS n, ats[-1] AS last_at, arrayLastIndex(c -> c != 'direct', channels) AS chosen,
  arrayFirst(m -> m.2 = 2, part).1 AS lead_at, arrayFirst(m -> m.2 = 3, part).1 AS opportunity_at,
  {_PLACES}
  FROM parts WHERE ended.2 = 4)
SELECT c AS channel, count(),
  {_SUMS}
FROM journeys ARRAY JOIN ats AS at, channels AS c, arrayEnumerate(ats) AS i GROUP BY channel ORDER BY channel
"""
