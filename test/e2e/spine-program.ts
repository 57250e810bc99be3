// The program of somebody who uses Onefold: an unmodified SDK that knows the host and a write key, in a process of its own. It
// tells of a visitor who becomes known: events before the identify, and events after it. Says on stdout when it flushed.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { Analytics } from '@segment/analytics-node'

const [family, host = '', writeKey = '', person = ''] = process.argv.slice(2)
const [userId, anonymousId] = [`user-${person}`, `visitor-${person}`]
const visits = [
  { anonymousId, name: 'Dermatology', properties: { path: '/dermatology' } },
  { anonymousId, name: 'Prices', properties: { path: '/prices' } },
]
const viewed = { anonymousId, event: 'Price Viewed', properties: { amount: 80 } }
const known = { userId, anonymousId, traits: { email: `${person}@Example.COM`, plan: 'pro' } }
const booked = { userId, event: 'Appointment Booked', properties: { amount: 80 } }

const startedAt = await (family === 'segment' ? sendBySegment() : sendByRudder())
process.stdout.write(`${JSON.stringify({ startedAt, flushedAt: Date.now() })}\n`)

async function sendBySegment(): Promise<number> {
  const analytics = new Analytics({ writeKey, host, flushAt: 20 })
  analytics.on('error', (error) => {
    throw error
  })
  for (const visit of visits) analytics.page(visit)
  analytics.track(viewed)
  analytics.identify(known)
  analytics.track(booked)
  analytics.page({ userId, name: 'Thanks', properties: { path: '/thanks' } })
  const flushing = Date.now()
  await analytics.closeAndFlush()
  return flushing
}

async function sendByRudder(): Promise<number> {
  const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl: host, flushAt: 20, logLevel: 'silent' })
  for (const visit of visits) analytics.page(visit)
  analytics.track(viewed)
  analytics.identify(known)
  analytics.track(booked)
  analytics.page({ userId, name: 'Thanks', properties: { path: '/thanks' } })
  const flushing = Date.now()
  await analytics.flush()
  return flushing
}
