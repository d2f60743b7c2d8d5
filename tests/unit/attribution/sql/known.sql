INSERT INTO trueline.identities_1 (node, ats, users, shares, root)
WITH sightings AS (SELECT toUnixTimestamp64Micro(occurred_at) AS at, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, arrayJoin(nodes) AS node FROM trueline.events WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {stitches:Array(String)} AND user_id != ''),
shared AS (SELECT node FROM sightings GROUP BY node HAVING min(user_id) != max(user_id)),
histories AS (SELECT node, arraySort(groupArray((at, user_id))) AS seen, uniqExact(user_id) AS many
  FROM sightings WHERE node IN shared GROUP BY node)
SELECT node, [toInt64(0)], [any(user_id)], [toFloat32(1)], ''
FROM sightings GROUP BY node HAVING min(user_id) = max(user_id)
UNION ALL SELECT if(many > 20, concat('crowd:', node), node) AS called,
  if(many > 20, [], arrayMap(r -> r.1, runs)), if(many > 20, [], arrayMap(r -> r.2, runs)),
  if(many > 20, [], arrayMap(r -> toFloat32(parts[indexOf(who, r.2)]), runs)), if(many > 20, 'crowd:', '')
FROM (SELECT node, many, arrayMap(s -> s.2, seen) AS by, arrayDistinct(by) AS who,
  arrayMap(u -> countEqual(by, u) / length(by), who) AS parts,
  arrayFilter((s, next) -> s.2 != next, seen, arrayPushBack(arrayPopFront(by), '')) AS runs
  FROM histories)
