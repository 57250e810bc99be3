// The identifier: a kind and a normalised value, written `kind:value`. People are found, joined and told apart by these.

export interface Identifier {
  kind: string
  value: string
}

/** `user_id:42`. The kind holds no colon; the value may. */
export function formatIdentifier(identifier: Identifier): string {
  return `${identifier.kind}:${identifier.value}`
}

/** Reads `kind:value`; null where there is no kind or no value. */
export function parseIdentifier(text: string): Identifier | null {
  const colon = text.indexOf(':')
  if (colon <= 0 || colon === text.length - 1) return null
  return { kind: text.slice(0, colon), value: text.slice(colon + 1) }
}
