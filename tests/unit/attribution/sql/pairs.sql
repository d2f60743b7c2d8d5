SELECT node, other, max(at) AS at, joinGet('trueline.identities_1', 'users', other)[if(joinGet('trueline.identities_1', 'ats', other)[-1] >= at, arrayFirstIndex(until -> until >= at, joinGet('trueline.identities_1', 'ats', other)), length(joinGet('trueline.identities_1', 'ats', other)))] AS user
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes, arrayJoin(nodes) AS node, nodes AS others FROM trueline.events
  WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {stitches:Array(String)} AND user_id = '' AND length(nodes) > 1)
ARRAY JOIN others AS other WHERE other != node AND empty(joinGet('trueline.identities_1', 'users', node))
GROUP BY node, other ORDER BY node, other
