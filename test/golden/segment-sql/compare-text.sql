SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE ((((JSONType(people.traits, {p0:String}) = 'String' AND position(JSONExtractString(people.traits, {p0:String}), {p1:String}) > 0) OR (JSONType(people.traits, {p0:String}) = 'Array' AND arrayExists(x -> JSONType(x) = 'String' AND JSONExtractString(x) = {p1:String}, JSONExtractArrayRaw(people.traits, {p0:String})))) AND (JSONType(people.traits, {p0:String}) = 'String' AND startsWith(JSONExtractString(people.traits, {p0:String}), {p2:String})) AND (JSONType(people.traits, {p0:String}) = 'String' AND endsWith(JSONExtractString(people.traits, {p0:String}), {p3:String})) AND (JSONType(people.traits, {p0:String}) = 'String' AND match(JSONExtractString(people.traits, {p0:String}), {p4:String}))) AND ((JSONType(people.traits, {p0:String}) = 'String' AND JSONExtractString(people.traits, {p0:String}) > {p1:String}) AND (JSONType(people.traits, {p0:String}) = 'String' AND JSONExtractString(people.traits, {p0:String}) <= {p5:String})))
SETTINGS join_use_nulls = 0
-- p0 = "t"
-- p1 = "a"
-- p2 = "b"
-- p3 = "c"
-- p4 = "(?-s)^d.*"
-- p5 = "z"
