SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE (((JSONType(people.traits, {p0:String}) = 'String' AND JSONExtractString(people.traits, {p0:String}) IN {p1:Array(String)}) OR (JSONType(people.traits, {p0:String}) IN ('Int64', 'UInt64', 'Double') AND has(arrayMap(x -> JSONExtractFloat(x), {p2:Array(String)}), JSONExtractFloat(people.traits, {p0:String}))) OR (JSONType(people.traits, {p0:String}) = 'Bool' AND JSONExtractBool(people.traits, {p0:String}) = true)) AND NOT (JSONType(people.traits, {p0:String}) = 'String' AND JSONExtractString(people.traits, {p0:String}) = {p3:String}) AND 0)
SETTINGS join_use_nulls = 0
-- p0 = "t"
-- p1 = ["a","b"]
-- p2 = ["1","2"]
-- p3 = "a"
