SELECT set_id, clause - 1 AS clause, arrayMap(t -> -t, negated) AS timestamps
FROM (
  SELECT set_id, [
    groupArraySortedIf(3)(-timestamp, event IN {p0:Array(String)} AND (isNotNull(properties.`path`.:String) AND startsWith(ifNull(properties.`path`.:String, ''), {p1:String}))),
    groupArraySortedIf(2)(-timestamp, event IN {p2:Array(String)} AND timestamp >= {p3:Int64} AND timestamp < {p4:Int64})
  ] AS columns
  FROM events
  WHERE offset < {p5:Int64} AND set_id > {p6:Int64}
    AND ((event IN {p0:Array(String)} AND (isNotNull(properties.`path`.:String) AND startsWith(ifNull(properties.`path`.:String, ''), {p1:String}))) OR (event IN {p2:Array(String)} AND timestamp >= {p3:Int64} AND timestamp < {p4:Int64}))
  GROUP BY set_id
  ORDER BY set_id
  LIMIT {p7:Int64}
)
ARRAY JOIN columns AS negated, arrayEnumerate(columns) AS clause
WHERE notEmpty(negated)
ORDER BY set_id, clause
-- p0 = ["Page Viewed"]
-- p1 = "/dermatology"
-- p2 = ["A","B"]
-- p3 = 1767225600000
-- p4 = 1769904000000
-- p5 = 1000
-- p6 = 7
-- p7 = 500
