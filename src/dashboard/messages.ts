import {
  eventForTenant,
  type FeedMessage,
  type FeedNode,
  type FeedSnapshot,
  type FeedTenant,
} from '../core/feed.ts'

/** A message without the number each viewer counts by itself. */
export type Content = Omit<FeedMessage, 'kind' | 'seq'>

/** Everything, for a viewer that is new or has missed something. */
export function wholeOf({ placing: _, otherDevices: __, ...snapshot }: FeedSnapshot): Content {
  return { ...snapshot, whole: true, goneNodes: [], goneTenants: [] }
}

/** What has changed from one snapshot to the next. */
export function changeOf(before: FeedSnapshot, now: FeedSnapshot): Content {
  const lastSeq = before.events.at(-1)?.seq ?? 0
  const { placing: _, otherDevices: __, ...rest } = now
  return {
    ...rest,
    whole: false,
    nodes: changed(before.nodes, now.nodes),
    tenants: changed(before.tenants, now.tenants),
    events: now.events.filter(({ seq }) => seq > lastSeq),
    goneNodes: gone(before.nodes, now.nodes),
    goneTenants: gone(before.tenants, now.tenants),
  }
}

/** What of a message one tenant may see: itself, without the machine, and its own events. */
export function forTenant(content: Content, tenant: string): Content {
  return {
    ...content,
    revision: 0,
    leftOut: 0,
    nodes: [],
    goneNodes: [],
    tenants: content.tenants.filter(({ name }) => name === tenant).map(({ node: _, ...own }) => own),
    goneTenants: content.goneTenants.filter((name) => name === tenant),
    events: content.events
      .filter(({ kind, name }) => kind === 'Tenant' && name === tenant)
      .map(eventForTenant),
  }
}

function changed<Row extends FeedNode | FeedTenant>(before: readonly Row[], now: readonly Row[]): Row[] {
  const known = new Map(before.map((row) => [row.name, row]))
  return now.filter((row) => {
    const old = known.get(row.name)
    return old === undefined || JSON.stringify(old) !== JSON.stringify(row)
  })
}

function gone(before: readonly { name: string }[], now: readonly { name: string }[]): string[] {
  const names = new Set(now.map(({ name }) => name))
  return before.filter(({ name }) => !names.has(name)).map(({ name }) => name)
}
