SELECT ifNull(nullIf(nullIf(source, ''), ''), '(none)') AS channel, '(none)' AS campaign, toString(toDate(occurred_at)) AS day,
  sum((ifNull(toFloat64(value), 0) * transform(toString(currency), {currencies:Array(String)}, {rates:Array(Float64)}, toFloat64(1)))) AS cost
FROM trueline.events WHERE tenant = {tenant:String} AND name IN {costs:Array(String)}
  AND occurred_at >= fromUnixTimestamp64Micro({start_us:Int64}, 'UTC') AND occurred_at < fromUnixTimestamp64Micro({end_us:Int64}, 'UTC')
GROUP BY channel, campaign, day ORDER BY channel, campaign, day
