SELECT position, at, origin, person FROM (SELECT *, if(user_id != '', concat('user:', user_id), if(empty(nodes), concat('event:', toString(position)), nodes[1])) AS person,
  (if(user_id != '', '', nodes[1]), toFloat32(1)) AS stitch
FROM (SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, toString(source) AS origin, user_id,
  arrayFilter(node -> node != '', [if(anonymous_id = '', '', concat('anonymous:', anonymous_id)), if(device_id = '', '', concat('device:', device_id)), if(account_id = '', '', concat('account:', account_id))]) AS nodes
  FROM trueline.events WHERE tenant = {tenant:String} AND name IN {conversions:Array(String)}
  AND id = {id:String} AND source = {source:String})) ORDER BY position LIMIT 2
