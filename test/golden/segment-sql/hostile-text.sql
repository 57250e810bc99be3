SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
LEFT JOIN (
  SELECT if(move.below > events.offset, move.holder, events.profile) AS holder,
    countIf(event IN {p2:Array(String)} AND (JSONType(properties_text, {p3:String}) = 'String' AND match(JSONExtractString(properties_text, {p3:String}), {p4:String}))) AS n0
  FROM events
  LEFT JOIN (
    SELECT set_id, argMax(profile, (commit, ordinal)) AS holder, argMax(offset, (commit, ordinal)) AS below
    FROM overrides
    GROUP BY set_id
  ) AS move ON move.set_id = events.set_id
  WHERE event IN {p2:Array(String)} AND offset < {p6:Int64}
  GROUP BY holder
) AS facts ON facts.holder = people.person
WHERE ((JSONType(people.traits, {p0:String}) = 'String' AND JSONExtractString(people.traits, {p0:String}) = {p1:String}) AND (toFloat64(facts.n0) >= {p5:Int64}))
SETTINGS join_use_nulls = 0
-- p0 = "t'); DROP TABLE events; --"
-- p1 = "'); DROP TABLE events; --"
-- p2 = ["{p0:String}"]
-- p3 = "`} ; --"
-- p4 = "(?-s)\\\\'"
-- p5 = 1
-- p6 = 1000
