import { performance } from 'node:perf_hooks'
import { Connection } from './connection.ts'
import { quantile } from './stats.ts'

/** What a generator process is asked to send. */
export interface LoadOrder {
  readonly port: number
  readonly host: string
  readonly path: string
  readonly connections: number
  readonly requests: number
  /** Requests per second, evenly spaced; absent: each connection sends as soon as it is answered. */
  readonly perSecond?: number
}

/** What came back. Latencies in milliseconds; status 0 counts connections that ended without an answer. */
export interface LoadResult {
  readonly byStatus: Readonly<Record<number, number>>
  readonly elapsedMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Sends an order's requests. Runs in a process of its own, so that its CPU is nobody else's. */
export async function generate(order: LoadOrder): Promise<LoadResult> {
  const opened = Array.from({ length: order.connections }, () =>
    Connection.open(order.port, order.host, order.path),
  )
  const connections = await Promise.all(opened)
  const byStatus: Record<number, number> = {}
  const latencies: number[] = []
  const startMs = performance.now()
  const note = (status: number, sentAtMs: number) => {
    byStatus[status] = (byStatus[status] ?? 0) + 1
    latencies.push(performance.now() - sentAtMs)
  }
  await (order.perSecond === undefined
    ? closedLoop(connections, order.requests, note)
    : paced(connections, order.requests, order.perSecond, note))
  const elapsedMs = performance.now() - startMs
  for (const connection of connections) connection.close()
  return { byStatus, elapsedMs, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) }
}

type Note = (status: number, sentAtMs: number) => void

function closedLoop(connections: readonly Connection[], requests: number, note: Note): Promise<void> {
  let left = requests
  let open = requests
  return new Promise((resolve) => {
    const next = (connection: Connection) => {
      if (left-- <= 0) return
      const sentAtMs = performance.now()
      connection.send((status) => {
        note(status, sentAtMs)
        if (--open === 0) resolve()
        else if (status !== 0) next(connection)
      })
    }
    for (const connection of connections) next(connection)
  })
}

/** A request whose turn comes while all connections are busy waits; its latency counts from its turn. */
function paced(
  connections: readonly Connection[],
  requests: number,
  perSecond: number,
  note: Note,
): Promise<void> {
  const idle = [...connections]
  const startMs = performance.now()
  let sent = 0
  let open = requests
  return new Promise((resolve) => {
    const pump = () => {
      const dueNow = Math.min(requests, Math.floor(((performance.now() - startMs) * perSecond) / 1000) + 1)
      while (sent < dueNow && idle.length > 0) {
        const connection = idle.pop()!
        const dueMs = startMs + (sent++ * 1000) / perSecond
        connection.send((status) => {
          note(status, dueMs)
          idle.push(connection)
          if (--open === 0) resolve()
          else pump()
        })
      }
    }
    const timer = setInterval(() => {
      pump()
      if (sent === requests) clearInterval(timer)
    }, 1)
  })
}

process.on('message', (order: LoadOrder) => {
  generate(order).then((result) => process.send!(result))
})
