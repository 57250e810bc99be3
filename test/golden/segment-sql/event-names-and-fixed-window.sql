SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
LEFT JOIN (
  SELECT if(move.below > events.offset, move.holder, events.profile) AS holder,
    countIf(event IN {p0:Array(String)} AND timestamp >= {p1:Int64} AND timestamp < {p2:Int64}) AS n0
  FROM events
  LEFT JOIN (
    SELECT set_id, argMax(profile, (commit, ordinal)) AS holder, argMax(offset, (commit, ordinal)) AS below
    FROM overrides
    GROUP BY set_id
  ) AS move ON move.set_id = events.set_id
  WHERE event IN {p0:Array(String)} AND offset < {p4:Int64} AND timestamp > {p5:Int64} AND received_at > fromUnixTimestamp64Milli({p5:Int64}, 'UTC')
  GROUP BY holder
) AS facts ON facts.holder = people.person
WHERE (toFloat64(facts.n0) >= {p3:Int64})
SETTINGS join_use_nulls = 0
-- p0 = ["A","B"]
-- p1 = 1767225600000
-- p2 = 1769904000000
-- p3 = 1
-- p4 = 1000
-- p5 = 1767225599999
