SELECT arrayLast(t -> t.1 <= came1.1 AND t.1 >= came1.1 - {lookback:Int64}, touches).3 AS channel, (came1.2 != 0) + (came2.2 != 0) AS level, count() AS people
FROM (
  SELECT arraySort(groupArrayIf((at, position, label), is0)) AS touches,
    arraySort(groupArrayIf((at, position), is1)) AS seen1,
    arraySort(groupArrayIf((at, position), is2)) AS seen2,
    arrayFirst(s -> s.1 >= {start:Int64} AND s.1 < {end:Int64}, seen1) AS came1,
    if(came1.2 = 0, (toInt64(0), toUInt64(0)), arrayFirst(s -> s > came1 AND s.1 <= came1.1 + {window:Int64}, seen2)) AS came2
  FROM (SELECT *, if(user_id != '', '', arrayFirst(node -> notEmpty(joinGet('trueline.identities_1', 'users', node)), nodes)) AS via,
  joinGet('trueline.identities_1', 'ats', via) AS ats, if(ats[-1] >= at, arrayFirstIndex(until -> until >= at, ats), length(ats)) AS place,
  joinGet('trueline.identities_1', 'users', via)[place] AS owner,
  arrayFirst(root -> root != '', arrayMap(node -> joinGet('trueline.identities_1', 'root', node), nodes)) AS component,
  multiIf(user_id != '', concat('user:', user_id), via != '', concat('user:', owner),
    component != '', component, if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '' OR via != '', via, nodes[1]),
  if(via = '', toFloat32(1), joinGet('trueline.identities_1', 'shares', via)[place])) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, name IN {touches:Array(String)} AS is0,
  name IN {step1:Array(String)} AS is1, name IN {step2:Array(String)} AS is2, if(properties[{channel:String}] = '', ifNull(nullIf(multiIf(mapContains(properties, {channel:String}), properties[{channel:String}], mapContains(numbers, {channel:String}), toString(numbers[{channel:String}]), mapContains(flags, {channel:String}), if(flags[{channel:String}], 'true', 'false'), NULL), ''), '(none)'), properties[{channel:String}]) AS label
  FROM trueline.events WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND (name IN {touches:Array(String)} OR name IN {steps:Array(String)})
  AND occurred_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC') AND occurred_at <= fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')))
  WHERE user_id != '' OR notEmpty(nodes) GROUP BY person
)
WHERE came1.2 != 0 GROUP BY channel, level ORDER BY channel, level
