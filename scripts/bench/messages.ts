import { Generator } from './load.ts'
import type { Ports } from './servers.ts'
import { manifestOf, startStint } from './stint-server.ts'

/** Messages from one isolate to its node. */
export interface MessageRow {
  /** Requests per second asked for, and reached by the generator. */
  readonly perSecond: number
  readonly reached: number
  readonly messagesPer1000: number
  readonly messagesPerSecond: number
}

/** Counts messages at the node while one isolate serves one tenant in its share. */
export async function measureMessages(
  ports: Ports,
  ratesPerSecond: readonly number[],
  seconds: number,
  addedMs: number,
  progress: (line: string) => void,
): Promise<MessageRow[]> {
  const manifest = manifestOf(400_000, { quiet: { base: 200_000 } })
  const stint = await startStint(ports, manifest, addedMs)
  const generator = new Generator()
  const rows: MessageRow[] = []
  for (const perSecond of ratesPerSecond) {
    const order = { port: stint.port, host: 'quiet.localhost', path: '/', connections: 64, perSecond }
    await generator.run({ ...order, requests: perSecond })
    const before = await stint.messages('bench')
    const { elapsedMs } = await generator.run({ ...order, requests: perSecond * seconds })
    const messages = (await stint.messages('bench')) - before
    rows.push({
      perSecond,
      reached: (perSecond * seconds * 1000) / elapsedMs,
      messagesPer1000: messages / ((perSecond * seconds) / 1000),
      messagesPerSecond: messages / (elapsedMs / 1000),
    })
    progress(`${perSecond} requests/s: ${rows.at(-1)!.messagesPer1000.toFixed(2)} messages per 1000 requests`)
  }
  generator.stop()
  await stint.stop()
  return rows
}
