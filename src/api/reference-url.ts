// References in addresses: `kind:value` may hold slashes that a client has not encoded (`user_id:clinic/42`). Before routing,
// the slashes of such a value are encoded, so that one parameter takes the whole reference.

const SHAPES = [
  /^(\/api\/v1\/profiles\/)(.+?)(\/(?:events|identity|traits|consent))?$/,
  /^(\/api\/v1\/suppressions\/)(.+?)()$/,
  /^(\/api\/v1\/segments\/[^/]+\/members\/)(.+?)()$/,
  /^(\/v1\/spaces\/[^/]+\/collections\/[^/]+\/profiles\/)(.+?)(\/(?:traits|external_ids|events|metadata|links))$/,
]

/** The address to route by. A value that ends in `/events` and the like must come encoded, for only its sender knows. */
export function foldReference(url: string): string {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const query = mark === -1 ? '' : url.slice(mark)
  for (const shape of SHAPES) {
    const match = shape.exec(path)
    const reference = match?.[2]
    if (match === null || reference === undefined) continue
    // Without a kind it is a profile id, which holds no slash: then more path is a wrong address, not a value.
    if (!reference.includes('/') || !/^[^/]*(?::|%3a)/i.test(reference)) return url
    return `${match[1]}${reference.replaceAll('/', '%2F')}${match[3] ?? ''}${query}`
  }
  return url
}
