/** The header in which a client names its API key. It is never forwarded. */
export const KEY_HEADER = 'Stint-Key'

/** Longest key that is hashed; a longer one is wrong. */
export const MAX_KEY_LENGTH = 512

/** Hashes kept: keys that are presented again and again need not be hashed each time. */
const MAX_KEPT = 1_000

/**
 * Hashes API keys, so that manifests and the coordinator never hold one in clear. Keys are looked up by their
 * hash: how long that takes says nothing about a key that is not known.
 */
export class KeyHasher {
  readonly #kept = new Map<string, string>()

  /** SHA-256 in lower-case hexadecimal digits, at once if the key was seen before. */
  hash(key: string): string | Promise<string> {
    if (key.length > MAX_KEY_LENGTH) return ''
    return this.#kept.get(key) ?? this.#digest(key)
  }

  async #digest(key: string): Promise<string> {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
    const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < MAX_KEPT) break
      this.#kept.delete(oldest)
    }
    this.#kept.set(key, hash)
    return hash
  }
}
