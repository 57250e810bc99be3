WITH (text) -> arrayMap(
    g -> (toInt64(toInt32(assumeNotNull(toDate32OrNull(concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3]))))) + 146097 * (intDiv(toInt32OrZero(g[1]) + 100, 400) - 5)) * 86400000
      + ((toInt64OrZero(g[4]) * 60 + toInt64OrZero(g[5])) * 60 + toInt64OrZero(g[6])) * 1000 + toInt64OrZero(rightPad(substring(g[7], 1, 3), 3, '0')) - (toInt64OrZero(g[9]) * 60 + toInt64OrZero(g[10])) * if(g[8] = '-', -60000, 60000),
    arrayFilter(
      g -> notEmpty(g) AND ifNull(toString(toDate32OrNull(concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3]))), '') = concat(toString(1900 + (toInt32OrZero(g[1]) + 100) % 400), '-', g[2], '-', g[3])
        AND g[4] <= '23' AND g[5] <= '59' AND g[6] <= '59' AND g[9] <= '23' AND g[10] <= '59',
      [extractGroups(text, {p5:String})]
    )
  ) AS instants_of
SELECT people.person AS profile
FROM (
  SELECT profile AS person, traits, identifiers.kind AS kinds, consent
  FROM profiles FINAL
  WHERE alive = 1
) AS people
LEFT JOIN (
  SELECT if(move.below > events.offset, move.holder, events.profile) AS holder,
    countIf(event IN {p0:Array(String)} AND ((isNotNull(properties.`day`.:String) AND arrayExists(t -> t < {p1:Int64}, instants_of(ifNull(properties.`day`.:String, '')))) AND (isNotNull(properties.`day`.:String) AND arrayExists(t -> t > timestamp - {p2:Int64} AND t <= timestamp, instants_of(ifNull(properties.`day`.:String, '')))))) AS n0
  FROM events
  LEFT JOIN (
    SELECT set_id, argMax(profile, (commit, ordinal)) AS holder, argMax(offset, (commit, ordinal)) AS below
    FROM overrides
    GROUP BY set_id
  ) AS move ON move.set_id = events.set_id
  WHERE event IN {p0:Array(String)} AND offset < {p4:Int64}
  GROUP BY holder
) AS facts ON facts.holder = people.person
WHERE (toFloat64(facts.n0) >= {p3:Int64})
SETTINGS join_use_nulls = 0
-- p0 = ["A"]
-- p1 = 1767225600000
-- p2 = 604800000
-- p3 = 1
-- p4 = 1000
-- p5 = "^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2})))?$"
