SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE (JSONType(people.traits, {p0:String}, {p1:String}) = 'String' AND JSONExtractString(people.traits, {p0:String}, {p1:String}) = {p2:String})
SETTINGS join_use_nulls = 0
-- p0 = "address"
-- p1 = "city"
-- p2 = "Paris"
