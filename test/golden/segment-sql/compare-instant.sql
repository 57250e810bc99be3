WITH (text) -> arrayMap(
    g -> (toInt64(toInt32(assumeNotNull(toDate32OrNull(concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3]))))) + 146097 * (intDiv(toInt32OrZero(g[1]) + 100, 400) - 5)) * 86400000
      + ((toInt64OrZero(g[4]) * 60 + toInt64OrZero(g[5])) * 60 + toInt64OrZero(g[6])) * 1000 + toInt64OrZero(rightPad(substring(g[7], 1, 3), 3, '0')) - (toInt64OrZero(g[9]) * 60 + toInt64OrZero(g[10])) * if(g[8] = '-', -60000, 60000),
    arrayFilter(
      g -> notEmpty(g) AND ifNull(toString(toDate32OrNull(concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3]))), '') = concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3])
        AND g[4] <= '23' AND g[5] <= '59' AND g[6] <= '59' AND g[9] <= '23' AND g[10] <= '59',
      [extractGroups(text, {p4:String})]
    )
  ) AS instants_of
SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
WHERE ((JSONType(people.traits, {p0:String}) = 'String' AND arrayExists(t -> t > {p1:Int64}, instants_of(JSONExtractString(people.traits, {p0:String})))) AND (JSONType(people.traits, {p0:String}) = 'String' AND arrayExists(t -> t > {p3:Int64} - {p2:Int64} AND t <= {p3:Int64}, instants_of(JSONExtractString(people.traits, {p0:String})))))
SETTINGS join_use_nulls = 0
-- p0 = "t"
-- p1 = 1767218400000
-- p2 = 604800000
-- p3 = 1780272000000
-- p4 = "^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2})))?$"
