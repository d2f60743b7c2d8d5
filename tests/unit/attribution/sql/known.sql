INSERT INTO trueline.identities_1
WITH arraySort(groupArray((at, user_id))) AS seen, arrayMap(s -> s.2, seen) AS by,
  arrayDistinct(by) AS who, arrayMap(u -> countEqual(by, u) / length(by), who) AS parts,
  arrayFilter((s, next) -> s.2 != next, seen, arrayPushBack(arrayPopFront(by), '')) AS runs
SELECT node, arrayMap(r -> r.1, runs), arrayMap(r -> r.2, runs),
  arrayMap(r -> parts[indexOf(who, r.2)], runs), ''
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, arrayJoin(nodes) AS node FROM trueline.events WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {stitches:Array(String)} AND user_id != '')
GROUP BY node HAVING uniqExact(user_id) <= 20
