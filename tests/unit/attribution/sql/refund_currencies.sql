SELECT amount AS currency, count() FROM (SELECT refund, amount,
  if(countIf(not refund) OVER earlier = 0, at, maxIf(at, not refund) OVER earlier) AS counted_at
  FROM (SELECT *, if(user_id != '', '', arrayFirst(node -> notEmpty(joinGet('trueline.identities_1', 'users', node)), nodes)) AS via,
  joinGet('trueline.identities_1', 'ats', via) AS ats, if(ats[-1] >= at, arrayFirstIndex(until -> until >= at, ats), length(ats)) AS place,
  joinGet('trueline.identities_1', 'users', via)[place] AS owner,
  arrayFirst(root -> root != '', arrayMap(node -> joinGet('trueline.identities_1', 'root', node), nodes)) AS component,
  multiIf(user_id != '', concat('user:', user_id), via != '', concat('user:', owner),
    component != '', component, if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '' OR via != '', via, nodes[1]),
  if(via = '', toFloat32(1), joinGet('trueline.identities_1', 'shares', via)[place])) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes,
  name IN {refunds:Array(String)} AS refund, toString(currency) AS amount FROM trueline.events
  WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {conversions:Array(String)}))
  WINDOW earlier AS (PARTITION BY person ORDER BY at, refund, position ROWS UNBOUNDED PRECEDING))
WHERE refund AND counted_at >= {start_us:Int64} AND counted_at < {end_us:Int64}
  AND amount NOT IN {known:Array(String)}
GROUP BY currency ORDER BY count() DESC, currency
