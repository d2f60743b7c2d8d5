SELECT toString(currency), count() FROM trueline.events
WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_us:Int64}, 'UTC') AND name IN {names:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({start_us:Int64}, 'UTC') AND occurred_at < fromUnixTimestamp64Micro({end_us:Int64}, 'UTC')
  AND currency NOT IN {known:Array(String)}
GROUP BY currency ORDER BY count() DESC, currency
