/** Random bytes of a token's secret: 256 bits. */
const SECRET_BYTES = 32
const ID_BYTES = 8

const TOKEN = /^stint_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/

/** Makes a token: `stint_ID_SECRET`. Only its hash is kept; the text is shown once. */
export function makeToken(): { readonly id: string; readonly token: string } {
  const id = toHex(crypto.getRandomValues(new Uint8Array(ID_BYTES)))
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  const text = btoa(String.fromCharCode(...secret))
  return { id, token: `stint_${id}_${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}` }
}

/** The id of what looks like a token. */
export function parseToken(text: string): { readonly id: string } | undefined {
  const id = TOKEN.exec(text)?.[1]
  return id === undefined ? undefined : { id }
}

/** SHA-256 of a text in UTF-8. */
export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** Bytes as lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Compares two digests in a time that does not depend on where they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.byteLength ^ b.byteLength
  for (let i = 0; i < a.byteLength; i++) difference |= a[i]! ^ (b[i] ?? 0)
  return difference === 0
}
