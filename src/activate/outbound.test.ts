// The guard on the way out: ranges, notations, and sockets that are never opened.
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, it } from 'node:test'
import { createAddressCheck, createOutboundAgent } from './outbound.ts'

let server: http.Server
let port = 0
before(async () => {
  server = http.createServer((request, response) => response.end(`hello ${request.headers.host}`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
after(() => server.close())

function get(url: string, allow: string[]): Promise<string> {
  const agent = createOutboundAgent(allow)
  const { protocol, hostname, port, pathname } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise<string>((resolve, reject) => {
    const request = http.get(
      { protocol, hostname: host, port, path: pathname, agent: agent({ protocol }) },
      (response) =>
        response
          .setEncoding('utf8')
          .on('data', (text) => resolve(text))
          .on('error', reject),
    )
    request.on('error', reject)
  }).finally(() => agent.close())
}

it('refuses every range that is not public, in every notation', () => {
  const check = createAddressCheck([])
  const refused = `127.0.0.1 127.255.0.1 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 169.254.169.254 0.0.0.0 0.1.2.3
    192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1
    ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 fe80::1 fe80::1%lo fec0::1 fc00::1 fd12::1 ff02::1
    2001:db8::1 2002:7f00:1:: 2001::1 100::1 ::ffff:0:127.0.0.1 5f00::1 3fff::1 4000::1 nonsense`
  for (const address of refused.split(/\s+/)) assert.equal(check(address), false, address)
  for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8'])
    assert.equal(check(address), true, address)
})

it('allows what is listed and nothing beside it', () => {
  const check = createAddressCheck(['127.0.0.0/8', '10.1.0.0/16', 'fd00::/8', '192.168.7.7'])
  for (const address of ['127.9.9.9', '::ffff:127.0.0.1', '10.1.2.3', 'fd00::1', '192.168.7.7'])
    assert.equal(check(address), true, address)
  for (const address of ['10.2.0.1', '192.168.7.8', '::1', 'fe80::1']) assert.equal(check(address), false, address)
  assert.throws(() => createAddressCheck(['10.0.0.0/33']), /no CIDR/)
  assert.throws(() => createAddressCheck(['everything']), /no CIDR/)
})

it('refuses the socket for literal addresses, names and odd notations', async () => {
  for (const host of ['127.0.0.1', '127.1', '0x7f000001', '2130706433', '[::ffff:127.0.0.1]', 'localhost'])
    await assert.rejects(get(`http://${host}:${port}/`, []), { code: 'outbound_refused' }, host)
})

it('reaches an allowed address, and an https agent refuses alike', async () => {
  assert.match(await get(`http://127.0.0.1:${port}/`, ['127.0.0.0/8']), /^hello/)
  const agent = createOutboundAgent([])({ protocol: 'https:' })
  const failed = new Promise((_resolve, reject) => {
    http.get({ protocol: 'https:', host: '10.0.0.1', agent }).on('error', reject)
  })
  await assert.rejects(failed, { code: 'outbound_refused' })
})
