// The guard on the way out: agents through which destinations reach public addresses only, so that nobody who may configure
// a destination can make the server talk to its own network (server-side request forgery). It judges the addresses a socket
// really connects to, at every hop of a redirect; it never trusts the text of a URL.
import { lookup } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import ipaddr from 'ipaddr.js'
import { OnefoldError } from '../spec/errors.ts'

type Connect = (error: Error | null, socket: Duplex) => void

/** What node-fetch takes as `agent`: it is asked at every hop. `destroy` does nothing, because actions-core calls it after each response. */
export interface OutboundAgent {
  (url: { protocol?: string | null }): http.Agent
  destroy(): void
  /** Closes idle sockets for good. */
  close(): void
}

export type AddressCheck = (address: string) => boolean

/** `allow`: CIDRs or single addresses that may be reached although they are not public. Throws on one that cannot be read. */
export function createAddressCheck(allow: readonly string[]): AddressCheck {
  const ranges = allow.map(parseRange)
  return (address) => {
    if (!ipaddr.isValid(address)) return false
    // `process` turns ::ffff:a.b.c.d into the IPv4 address that the kernel would connect to.
    const parsed = ipaddr.process(address)
    if (ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))) return true
    if (parsed.range() !== 'unicast') return false
    return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST)
  }
}

// Only 2000::/3 is handed out for the public internet; what else counts as "unicast" may be tomorrow's special range.
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')

function parseRange(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  if (!ipaddr.isValid(text)) throw new Error(`ONEFOLD_OUTBOUND_ALLOW holds ${JSON.stringify(text)}, which is no CIDR`)
  const address = ipaddr.parse(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

export function createOutboundAgent(allow: readonly string[]): OutboundAgent {
  const check = createAddressCheck(allow)
  // Sockets are kept for the next request: a name is resolved and judged anew for each new socket.
  const options = { keepAlive: true, lookup: guardLookup(check) }
  const plain = new GuardedHttpAgent(check, options)
  const secure = new GuardedHttpsAgent(check, options)
  const agent = (url: { protocol?: string | null }) => (url.protocol === 'https:' ? secure : plain)
  return Object.assign(agent, {
    destroy() {},
    close() {
      plain.destroy()
      secure.destroy()
    },
  })
}

/** Resolves as the system does, and refuses the name when any of its addresses is refused. */
function guardLookup(check: AddressCheck): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '')
      const first = addresses[0]
      if (first === undefined || addresses.some(({ address }) => !check(address)))
        return callback(refusal(hostname), '')
      if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

// A literal address is never looked up, so it is judged where the socket is made.
function refuseLiteral(check: AddressCheck, host: string | null | undefined): OnefoldError | null {
  const name = host ?? 'localhost'
  return isIP(name) !== 0 && !check(name) ? refusal(name) : null
}

function refusal(host: string): OnefoldError {
  return new OnefoldError('outbound_refused', { detail: `${host} is not a public address, and is not allowed.` })
}

class GuardedHttpAgent extends http.Agent {
  readonly #check: AddressCheck

  constructor(check: AddressCheck, options: http.AgentOptions) {
    super(options)
    this.#check = check
  }

  override createConnection(options: http.ClientRequestArgs, callback: Connect): Duplex | null | undefined {
    const refused = refuseLiteral(this.#check, options.host)
    if (refused === null) return super.createConnection(options, callback)
    process.nextTick(callback, refused)
    return undefined
  }
}

class GuardedHttpsAgent extends https.Agent {
  readonly #check: AddressCheck

  constructor(check: AddressCheck, options: https.AgentOptions) {
    super(options)
    this.#check = check
  }

  override createConnection(options: https.RequestOptions, callback: Connect): Duplex | null | undefined {
    const refused = refuseLiteral(this.#check, options.host)
    if (refused === null) return super.createConnection(options, callback)
    process.nextTick(callback, refused)
    return undefined
  }
}
