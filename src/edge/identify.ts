import type { KnownRoute } from './known-route.ts'

/** Whose a request is; or that nobody claims it, or that it must (rightly) name a key. */
export type Identity = KnownRoute | 'nobody' | 'key-missing' | 'key-wrong'

/**
 * The route a request belongs to, among the tenants of its host: those whose key it presents go first, then
 * those that need none; of each the longest path prefix. Two tenants may share a path if keys tell them apart.
 *
 * @param key hash of the key presented; undefined for none
 */
export function identify(routes: readonly KnownRoute[], path: string, key: string | undefined): Identity {
  const [only] = routes
  if (routes.length === 1 && only!.route.policy.paths.length === 0 && only!.keys.size === 0) return only!
  const keyed = key === undefined ? undefined : longest(routes, path, (known) => known.keys.has(key))
  const found = keyed ?? longest(routes, path, (known) => known.keys.size === 0)
  if (found !== undefined) return found
  const closed = longest(routes, path, (known) => known.keys.size > 0)
  if (closed === undefined) return 'nobody'
  return key === undefined ? 'key-missing' : 'key-wrong'
}

function longest(
  routes: readonly KnownRoute[],
  path: string,
  suits: (known: KnownRoute) => boolean,
): KnownRoute | undefined {
  let best: KnownRoute | undefined
  let bestLength = -1
  for (const known of routes) {
    if (!suits(known)) continue
    const { paths } = known.route.policy
    if (paths.length === 0 && bestLength < 0) {
      best = known
      bestLength = 0
    }
    for (const prefix of paths) {
      if (prefix.length <= bestLength || !under(path, prefix)) continue
      best = known
      bestLength = prefix.length
    }
  }
  return best
}

/** Whether `path` is `prefix` or lies below it. */
export function under(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false
  return path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/'
}
