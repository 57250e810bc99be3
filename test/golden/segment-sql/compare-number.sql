SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE ((JSONType(people.traits, {p0:String}) IN ('Int64', 'UInt64', 'Double') AND JSONExtractFloat(people.traits, {p0:String}) > JSONExtractFloat({p1:String})) AND (JSONType(people.traits, {p0:String}) IN ('Int64', 'UInt64', 'Double') AND JSONExtractFloat(people.traits, {p0:String}) >= {p2:Int64}) AND (JSONType(people.traits, {p0:String}) IN ('Int64', 'UInt64', 'Double') AND JSONExtractFloat(people.traits, {p0:String}) < JSONExtractFloat({p3:String})) AND (JSONType(people.traits, {p0:String}) IN ('Int64', 'UInt64', 'Double') AND JSONExtractFloat(people.traits, {p0:String}) <= {p4:Int64}))
SETTINGS join_use_nulls = 0
-- p0 = "t"
-- p1 = "0.1"
-- p2 = 1
-- p3 = "1e+20"
-- p4 = 100
