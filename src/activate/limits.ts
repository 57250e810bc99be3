// Every limit of delivery: how much at once, how long, how often.

export interface DeliveryLimits {
  /** Requests under way per destination. */
  sendsMax: number
  /** Items of the stream read, and rows fetched, at a time. */
  rowsPerReadMax: number
  /** Outcomes gathered before they are written. */
  outcomesMax: number
  /** After so many attempts a row is dead until it is retried by hand: some hours with the delays below. */
  attemptsMax: number
  /** The same for faults of a destination's own code, which seldom heal. */
  doubtfulAttemptsMax: number
  retryDelayMsMin: number
  retryDelayMsMax: number
  requestMsMax: number
  /** How often the state is asked for news while idle: half of it is the mean delay of a delivery. */
  pollMs: number
  /** How often a runner looks for rows that were retried by hand. */
  recheckMs: number
  /** How long a place that moved without rows may stay unsaved. */
  placeUnsavedMsMax: number
  /** How long requests under way may take to end when delivery stops. */
  stopMsMax: number
}

export const DELIVERY_LIMITS: DeliveryLimits = {
  sendsMax: 8,
  rowsPerReadMax: 256,
  outcomesMax: 64,
  attemptsMax: 20,
  doubtfulAttemptsMax: 3,
  retryDelayMsMin: 1000,
  retryDelayMsMax: 600_000,
  requestMsMax: 10_000,
  pollMs: 25,
  recheckMs: 500,
  placeUnsavedMsMax: 500,
  stopMsMax: 5000,
}
