SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE ((JSONType(people.traits, {p0:String}) != 'Null') OR NOT (JSONType(people.traits, {p0:String}) != 'Null'))
SETTINGS join_use_nulls = 0
-- p0 = "t"
