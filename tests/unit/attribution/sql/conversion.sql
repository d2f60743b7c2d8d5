SELECT position, toUnixTimestamp64Micro(occurred_at), toString(source) FROM trueline.events
WHERE tenant = {tenant:String} AND name IN {conversions:Array(String)}
  AND id = {id:String} AND source = {source:String} ORDER BY position LIMIT 2
