WITH (SELECT if(throwIf(length(names) > 500000, 'touches and conversions have too many names') = 0, names, []) FROM (SELECT arrayDistinct(arrayPushFront(groupUniqArrayArray(500001)(texts), '(none)')) AS names FROM (
  SELECT [if(properties[{channel:String}] = '', ifNull(nullIf(multiIf(mapContains(properties, {channel:String}), properties[{channel:String}], mapContains(numbers, {channel:String}), toString(numbers[{channel:String}]), mapContains(flags, {channel:String}), if(flags[{channel:String}], 'true', 'false'), NULL), ''), '(none)'), properties[{channel:String}])] AS texts
  FROM trueline.events WHERE tenant = {tenant:String} AND name IN {touches:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC') AND occurred_at < fromUnixTimestamp64Micro({end_us:Int64}, 'UTC')))) AS labels,
moments AS (
SELECT person, reinterpretAsUInt256(concat(reinterpretAsFixedString(toUInt64(toUInt32(1))), reinterpretAsFixedString(transform(channel, labels, arrayMap(i -> toUInt32(i), arrayEnumerate(labels)), toUInt32(1))), reinterpretAsFixedString(position), reinterpretAsFixedString(toUInt8(1)), reinterpretAsFixedString(at + 4611686018427387904))) AS moment
FROM (SELECT *, if(user_id != '', '', arrayFirst(node -> notEmpty(joinGet('trueline.identities_1', 'users', node)), nodes)) AS via,
  joinGet('trueline.identities_1', 'ats', via) AS ats, if(ats[-1] >= at, arrayFirstIndex(until -> until >= at, ats), length(ats)) AS place,
  joinGet('trueline.identities_1', 'users', via)[place] AS owner,
  arrayFirst(root -> root != '', arrayMap(node -> joinGet('trueline.identities_1', 'root', node), nodes)) AS component,
  multiIf(user_id != '', concat('user:', user_id), via != '', concat('user:', owner),
    component != '', component, if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '' OR via != '', via, nodes[1]),
  if(via = '', toFloat32(1), joinGet('trueline.identities_1', 'shares', via)[place])) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, if(properties[{channel:String}] = '', ifNull(nullIf(multiIf(mapContains(properties, {channel:String}), properties[{channel:String}], mapContains(numbers, {channel:String}), toString(numbers[{channel:String}]), mapContains(flags, {channel:String}), if(flags[{channel:String}], 'true', 'false'), NULL), ''), '(none)'), properties[{channel:String}]) AS channel
  FROM trueline.events WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {touches:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC') AND occurred_at < fromUnixTimestamp64Micro({end_us:Int64}, 'UTC')
  AND (user_id != '' OR anonymous_id != '' OR device_id != '' OR account_id != '')))
UNION ALL SELECT person, reinterpretAsUInt256(concat(reinterpretAsFixedString(reinterpretAsUInt64(toFloat64(amount))), reinterpretAsFixedString(toUInt32(1)), reinterpretAsFixedString(position), reinterpretAsFixedString(toUInt8(kind)), reinterpretAsFixedString(at + 4611686018427387904))) AS moment
FROM (SELECT *, if(user_id != '', '', arrayFirst(node -> notEmpty(joinGet('trueline.identities_1', 'users', node)), nodes)) AS via,
  joinGet('trueline.identities_1', 'ats', via) AS ats, if(ats[-1] >= at, arrayFirstIndex(until -> until >= at, ats), length(ats)) AS place,
  joinGet('trueline.identities_1', 'users', via)[place] AS owner,
  arrayFirst(root -> root != '', arrayMap(node -> joinGet('trueline.identities_1', 'root', node), nodes)) AS component,
  multiIf(user_id != '', concat('user:', user_id), via != '', concat('user:', owner),
    component != '', component, if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '' OR via != '', via, nodes[1]),
  if(via = '', toFloat32(1), joinGet('trueline.identities_1', 'shares', via)[place])) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, if(name IN {refunds:Array(String)}, 5, 4) AS kind, if(kind = 5, -abs((ifNull(toFloat64(value), 0) * transform(toString(currency), {currencies:Array(String)}, {rates:Array(Float64)}, toFloat64(1)))), (ifNull(toFloat64(value), 0) * transform(toString(currency), {currencies:Array(String)}, {rates:Array(Float64)}, toFloat64(1)))) AS amount
  FROM trueline.events WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {conversions:Array(String)}))
),
people AS (SELECT person, arraySort(groupArray(moment)) AS moments FROM moments GROUP BY person),
parts AS (
SELECT person, part[-1] AS conversion, paid_back, toUInt8(bitShiftRight(conversion, 160)) = 4 AS ends,
  reinterpretAsUInt256(concat(reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt32(0)), reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt8(0)), reinterpretAsFixedString((toInt64(bitShiftRight(conversion, 168)) - 4611686018427387904) - {lookback_us:Int64} + 4611686018427387904))) AS since, arrayFilter(m -> toUInt8(bitShiftRight(m, 160)) = 1 AND ends AND m >= since, part) AS led,
  arrayFilter(m -> toUInt8(bitShiftRight(m, 160)) = 1 AND m >= reinterpretAsUInt256(concat(reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt32(0)), reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt8(0)), reinterpretAsFixedString({start_us:Int64} + 4611686018427387904))) AND NOT (ends AND m >= since), part) AS others,
  arrayFilter(m -> toUInt8(bitShiftRight(m, 160)) = 2, part) AS leads, arrayFilter(m -> toUInt8(bitShiftRight(m, 160)) = 3, part) AS opportunities
FROM (SELECT person, arrayReverseSplit(m -> toUInt8(bitShiftRight(m, 160)) = 4, moments) AS pieces, arrayPushBack(arrayPopFront(arrayMap(piece -> arraySum(m -> if(toUInt8(bitShiftRight(m, 160)) = 5, reinterpretAsFloat64(toUInt64(m)), 0.), piece), pieces)), 0.) AS paid FROM people) ARRAY JOIN pieces AS part, paid AS paid_back
),
journeys AS (
SELECT person, way.1 AS converted, conversion, reinterpretAsFloat64(toUInt64(conversion)) + paid_back AS worth,
  ((toInt64(bitShiftRight(conversion, 168)) - 4611686018427387904), toUInt64(bitShiftRight(conversion, 96)), labels[toUInt32(bitShiftRight(conversion, 64))], '', worth)::Tuple(at Int64, position UInt64, name String, campaign String, value Float64) AS ended,
  way.2 AS path0, arrayFilter((t, before) -> toUInt32(bitShiftRight(t, 64)) != before, path0, arrayPopBack(arrayPushFront(arrayMap(t -> toUInt32(bitShiftRight(t, 64)), path0), 0))) AS path1, arraySlice(path1, -5) AS path2, path2 AS path,
  arrayMap(m -> ((toInt64(bitShiftRight(m, 168)) - 4611686018427387904), toUInt64(bitShiftRight(m, 96)), labels[toUInt32(bitShiftRight(m, 64))], labels[toUInt32(m)], 0.)::Tuple(at Int64, position UInt64, name String, campaign String, value Float64), path0) AS touches0, arrayMap(m -> ((toInt64(bitShiftRight(m, 168)) - 4611686018427387904), toUInt64(bitShiftRight(m, 96)), labels[toUInt32(bitShiftRight(m, 64))], labels[toUInt32(m)], 0.)::Tuple(at Int64, position UInt64, name String, campaign String, value Float64), path) AS touches,
  arrayMap(m -> ((toInt64(bitShiftRight(m, 168)) - 4611686018427387904), toUInt64(bitShiftRight(m, 96)), labels[toUInt32(bitShiftRight(m, 64))], labels[toUInt32(m)], 0.)::Tuple(at Int64, position UInt64, name String, campaign String, value Float64), leads0) AS leads, arrayMap(m -> ((toInt64(bitShiftRight(m, 168)) - 4611686018427387904), toUInt64(bitShiftRight(m, 96)), labels[toUInt32(bitShiftRight(m, 64))], labels[toUInt32(m)], 0.)::Tuple(at Int64, position UInt64, name String, campaign String, value Float64), opportunities0) AS opportunities,
  if(empty(leads0), 0, arrayLastIndex(t -> (toInt64(bitShiftRight(t, 168)) - 4611686018427387904) <= (toInt64(bitShiftRight(leads0[1], 168)) - 4611686018427387904), path)) AS leads_place, if(empty(opportunities0), 0, arrayLastIndex(t -> (toInt64(bitShiftRight(t, 168)) - 4611686018427387904) <= (toInt64(bitShiftRight(opportunities0[1], 168)) - 4611686018427387904), path)) AS opportunities_place
FROM (SELECT person, conversion, paid_back, leads AS leads0, opportunities AS opportunities0,
  ends AND conversion >= reinterpretAsUInt256(concat(reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt32(0)), reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt8(0)), reinterpretAsFixedString({start_us:Int64} + 4611686018427387904))) AND conversion < reinterpretAsUInt256(concat(reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt32(0)), reinterpretAsFixedString(toUInt64(0)), reinterpretAsFixedString(toUInt8(0)), reinterpretAsFixedString({conversions_end_us:Int64} + 4611686018427387904))) AS ended_here, arrayJoin([(toUInt8(1), led), (toUInt8(0), others)]) AS way FROM parts)
WHERE if(way.1 = 1, ended_here, notEmpty(way.2))
)
SELECT arrayMap(m -> labels[m], moments) AS path, conversions, value, nulls
FROM (
  SELECT arrayMap(m -> toUInt32(bitShiftRight(m, 64)), path) AS moments, countIf(converted = 1) AS conversions,
  sumIf(worth, converted = 1) AS value, countIf(converted = 0) AS nulls
  FROM journeys GROUP BY moments)
ORDER BY conversions + nulls DESC, path
