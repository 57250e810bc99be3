SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
LEFT JOIN (
  SELECT if(move.below > events.offset, move.holder, events.profile) AS holder,
    countIf(event IN {p0:Array(String)} AND (isNotNull(properties.`path`.:String) AND startsWith(ifNull(properties.`path`.:String, ''), {p1:String})) AND timestamp > {p2:Int64} AND timestamp <= {p3:Int64}) AS n0,
    countIf(event IN {p5:Array(String)} AND timestamp > {p2:Int64} AND timestamp <= {p3:Int64}) AS n1
  FROM events
  LEFT JOIN (
    SELECT set_id, argMax(profile, (commit, ordinal)) AS holder, argMax(offset, (commit, ordinal)) AS below
    FROM overrides
    GROUP BY set_id
  ) AS move ON move.set_id = events.set_id
  WHERE event IN {p7:Array(String)} AND offset < {p8:Int64} AND timestamp > {p2:Int64} AND received_at > fromUnixTimestamp64Milli({p2:Int64}, 'UTC')
  GROUP BY holder
) AS facts ON facts.holder = people.person
WHERE ((toFloat64(facts.n0) >= {p4:Int64}) AND NOT ((toFloat64(facts.n1) >= {p6:Int64})))
SETTINGS join_use_nulls = 0
-- p0 = ["Page Viewed"]
-- p1 = "/dermatology"
-- p2 = 1777680000000
-- p3 = 1780272000000
-- p4 = 2
-- p5 = ["Appointment Booked"]
-- p6 = 1
-- p7 = ["Appointment Booked","Page Viewed"]
-- p8 = 1000
