/** As in `wrangler.toml`; a test holds the two together. */
export const COMPATIBILITY_DATE = '2026-10-20'

/** The Durable Objects by the name of their binding. */
export const OBJECTS = {
  NODES: 'NodeObject',
  COORDINATOR: 'CoordinatorObject',
  SIGNALS: 'SignalBoard',
  FEED: 'FeedObject',
} as const
