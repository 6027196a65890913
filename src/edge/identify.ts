import type { KnownRoute } from './directory.ts'

/** The route a request belongs to: the longest path prefix among the tenants of its host. */
export function identify(routes: readonly KnownRoute[], path: string): KnownRoute | undefined {
  const [only] = routes
  if (routes.length === 1 && only!.route.policy.paths.length === 0) return only
  let best: KnownRoute | undefined
  let bestLength = -1
  for (const known of routes) {
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
