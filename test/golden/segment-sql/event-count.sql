SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
LEFT JOIN (
  SELECT if(move.below > events.offset, move.holder, events.profile) AS holder,
    countIf(event IN {p0:Array(String)}) AS n0
  FROM events
  LEFT JOIN (
    SELECT set_id, argMax(profile, (commit, ordinal)) AS holder, argMax(offset, (commit, ordinal)) AS below
    FROM overrides
    GROUP BY set_id
  ) AS move ON move.set_id = events.set_id
  WHERE event IN {p0:Array(String)} AND offset < {p4:Int64}
  GROUP BY holder
) AS facts ON facts.holder = people.person
WHERE (NOT (toFloat64(facts.n0) = {p1:Int64}) AND (has(arrayMap(x -> JSONExtractFloat(x), {p2:Array(String)}), toFloat64(facts.n0))) AND (toFloat64(facts.n0) < {p3:Int64}))
SETTINGS join_use_nulls = 0
-- p0 = ["A"]
-- p1 = 3
-- p2 = ["1","2.5"]
-- p3 = 9
-- p4 = 1000
