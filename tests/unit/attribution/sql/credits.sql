WITH moments AS (
SELECT person, (at, kind, position, label, campaign, 0., ('', toFloat32(1)))::Tuple(at Int64, kind UInt8, position UInt64, name String, campaign String, value Float64, stitch Tuple(id String, share Float32))
FROM (SELECT *, if(user_id != '', concat('user:', user_id), if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '', '', nodes[1]), toFloat32(1)) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, arrayJoin(arrayConcat(if(name IN {touches:Array(String)}, [0], []))) AS kind,
  ifNull(multiIf(mapContains(properties, {channel:String}), properties[{channel:String}], mapContains(numbers, {channel:String}), toString(numbers[{channel:String}]), mapContains(flags, {channel:String}), if(flags[{channel:String}], 'true', 'false'), NULL), '(none)') AS label, '' AS campaign
  FROM trueline.events WHERE tenant = {tenant:String} AND name IN {moments:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC') AND occurred_at < fromUnixTimestamp64Micro({end_us:Int64}, 'UTC'))) WHERE (user_id != '' OR notEmpty(nodes))
UNION ALL SELECT person, (c.1, c.2, c.3, c.4, c.5, sum, c.7)::Tuple(at Int64, kind UInt8, position UInt64, name String, campaign String, value Float64, stitch Tuple(id String, share Float32))
FROM (SELECT person, anyIf((at, kind, position, label, '', 0., ('', toFloat32(1)))::Tuple(at Int64, kind UInt8, position UInt64, name String, campaign String, value Float64, stitch Tuple(id String, share Float32)), kind = 3) AS c, sum(amount) AS sum FROM (
  SELECT *, countIf(kind = 3) OVER (PARTITION BY person ORDER BY at, kind, position
    ROWS UNBOUNDED PRECEDING) AS nth FROM (SELECT * FROM (SELECT *, if(user_id != '', concat('user:', user_id), if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '', '', nodes[1]), toFloat32(1)) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, if(name IN {refunds:Array(String)}, 4, 3) AS kind, if(kind = 4, -abs((ifNull(toFloat64(value), 0) * transform(toString(currency), {currencies:Array(String)}, {rates:Array(Float64)}, toFloat64(1)))), (ifNull(toFloat64(value), 0) * transform(toString(currency), {currencies:Array(String)}, {rates:Array(Float64)}, toFloat64(1)))) AS amount,
  '(none)' AS label FROM trueline.events
  WHERE tenant = {tenant:String} AND name IN {conversions:Array(String)})) WHERE true))
  WHERE nth > 0 GROUP BY person, nth)
),
parts AS (
SELECT person, arrayJoin(arraySplit((m, after) -> after, moments,
    arrayPopBack(arrayPushFront(arrayMap(m -> m.kind = 3, moments), 0)))) AS part,
  part[-1] AS ended, arrayFilter(m -> m.kind = 0 AND ended.kind = 3 AND m.at >= ended.at - {lookback_us:Int64}, part) AS led,
  arrayFilter(m -> m.kind = 0 AND m.at >= {start_us:Int64} AND NOT (ended.kind = 3 AND m.at >= ended.at - {lookback_us:Int64}), part) AS others
FROM (SELECT person, arraySort(groupArray(moment)) AS moments
  FROM (SELECT * FROM moments) AS m (person, moment) GROUP BY person)
),
journeys AS (
SELECT person, way.1 AS converted, ended, way.2 AS touches0, arrayFilter((t, before, i) -> i = 1 OR t.name != before, touches0, arrayPopBack(arrayPushFront(arrayMap(t -> t.name, touches0), '')), arrayEnumerate(touches0)) AS touches1, arraySlice(touches1, -5) AS touches2, touches2 AS touches,
  arrayFilter(m -> m.kind = 1, part) AS leads,
  arrayFilter(m -> m.kind = 2, part) AS opportunities,
  if(empty(leads), 0, arrayLastIndex(t -> t.at <= leads[1].at, touches2)) AS leads_place, if(empty(opportunities), 0, arrayLastIndex(t -> t.at <= opportunities[1].at, touches2)) AS opportunities_place
FROM (SELECT person, part, ended,
  arrayJoin([(toUInt8(1), led), (toUInt8(0), others)]) AS way FROM parts)
WHERE if(way.1 = 1, ended.kind = 3 AND ended.at >= {start_us:Int64} AND ended.at < {conversions_end_us:Int64}, notEmpty(way.2))
)
SELECT touch.name AS channel, alone, if(alone, 0, count()) AS touched,
  sum(exp2((touch.at - last_at) / {m0_half_us:Int64}) / m0_total AS w0) AS conversions0, sum(w0 * ended.value) AS value0,
  sum(i = 1 AS w1) AS conversions1, sum(w1 * ended.value) AS value1
FROM (SELECT ended, empty(found) AS alone, if(empty(found), [defaultValueOfTypeName(toTypeName(found[1]))], found) AS touches,
  length(touches) AS n, touches[-1].at AS last_at, leads_place, opportunities_place,
  arraySum(t -> exp2((t.at - touches[-1].at) / {m0_half_us:Int64}), touches) AS m0_total
  FROM (SELECT ended, touches AS found, leads_place, opportunities_place FROM journeys
    WHERE converted = 1))
ARRAY JOIN touches AS touch, arrayEnumerate(touches) AS i
GROUP BY channel, alone ORDER BY channel, alone
