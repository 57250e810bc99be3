// Membership: compares what a profile's segments say now with what its parts were before, and drafts the changes that destinations
// are told. One transition per profile and segment, however many parts came together or fell apart.
import type { ProfileEntry } from './entries.ts'
import { ProfileSubject } from './entries.ts'
import type { LiveSegment } from './registry.ts'
import type { Run } from './run.ts'

export interface Judging {
  /** Segments that may have changed; all of them after a merge or a split. */
  segments: Iterable<LiveSegment>
  /** Memberships of each profile this one is made of; empty for a new person. */
  priors: readonly ReadonlyMap<number, number>[]
  /** Identifiers that no prior had: a destination that knows the profile is told these alone. */
  fresh: readonly number[]
  /** Log time, ms. */
  now: number
  /** All segments are judged, so that the timer can be worked out anew instead of only brought forward. */
  whole: boolean
  /** The priors are shared with other profiles (a split): whoever called has taken them off the segments' sizes. */
  shared?: boolean
}

/** Judges the profile and drafts its changes. */
export function judgeMemberships(run: Run, profile: ProfileEntry, judging: Judging): void {
  const { registry, working, draft } = run
  const subject = new ProfileSubject(profile, working.kindOf)
  const { priors, now } = judging
  const memberships = judging.whole ? new Map<number, number>() : profile.memberships
  let nextTimer = judging.whole ? null : profile.nextTimer
  let changed = false
  for (const live of judging.segments) {
    const { segment, compiled } = live
    const since = earliest(priors, segment.id)
    const wasIn = priors.filter((prior) => prior.has(segment.id)).length
    // While it is backfilled a segment stands still: until its turn comes, who was in stays in, in whatever profile that now is.
    const isJudged = registry.isJudged(segment.id, profile.id)
    const isIn = isJudged ? !profile.suppressed && compiled.evaluate(subject, now) : since !== null
    if (isIn) {
      memberships.set(segment.id, since ?? now)
      if (wasIn < Math.max(1, priors.length))
        draft.change('segment_entered', segment.slug, profile.id, profile.identifiers, now)
      else if (judging.fresh.length > 0)
        draft.change('segment_identifiers', segment.slug, profile.id, judging.fresh, now)
    } else {
      memberships.delete(segment.id)
      if (wasIn > 0) draft.change('segment_exited', segment.slug, profile.id, profile.identifiers, now)
    }
    if (isIn !== wasIn > 0) changed = true
    run.resize(segment, (isIn ? 1 : 0) - (judging.shared ? 0 : wasIn))
    if (isJudged && compiled.timeDependent) nextTimer = sooner(nextTimer, compiled.nextChange(subject, now))
  }
  profile.memberships = memberships
  // A backfill asks everybody, and most answers change nothing: those profiles are not written.
  if (nextTimer !== profile.nextTimer) draft.touch(profile)
  profile.nextTimer = nextTimer
  run.timers.schedule(profile)
  if (changed) draft.touchSnapshot(profile)
}

/** A timer fired: only time-dependent segments can have changed, and none of them by anything but time. */
export function judgeTimer(run: Run, profile: ProfileEntry, now: number): void {
  profile.nextTimer = null
  run.draft.touch(profile)
  judgeMemberships(run, profile, {
    segments: run.registry.timeDependent,
    priors: [profile.memberships],
    fresh: [],
    now,
    whole: false,
  })
}

function earliest(priors: Judging['priors'], segment: number): number | null {
  let since: number | null = null
  for (const prior of priors) since = sooner(since, prior.get(segment) ?? null)
  return since
}

function sooner(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}
