SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE has(people.kinds, {p0:String})
SETTINGS join_use_nulls = 0
-- p0 = "email"
