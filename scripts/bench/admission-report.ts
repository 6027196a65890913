import { benchAdmission, type VariantCost } from './admission.ts'
import { measureBundle } from './bundle.ts'
import { measureColdStart } from './cold-start.ts'
import type { Report, RunOptions } from './groups.ts'
import { measureLatency } from './latency.ts'
import { measureMessages } from './messages.ts'
import { Ports } from './servers.ts'
import { formatSpread } from './stats.ts'

const DELAYS_MS = [0, 5, 20]
/** Requests of one variant's turn. */
const TURN = 4_000
const KIB = 1024

/** Everything about one request: CPU, latency, messages, size and cold start. */
export async function admissionReport({ firstPort, seconds, progress }: RunOptions): Promise<Report> {
  const ports = new Ports(firstPort)
  const bundle = await measureBundle()
  // A turn of all variants takes some 13 seconds; without delay the figures count, so they get most of the time.
  const rounds = Math.max(3, Math.round((seconds * 0.6) / 12))
  const cpu = await benchAdmission(
    ports,
    { rounds, requests: TURN, longTurns: seconds >= 60, delaysMs: DELAYS_MS },
    progress,
  )
  const latency = await measureLatency(ports, rounds, 1_200, DELAYS_MS, progress)
  const messages = await measureMessages(ports, [100, 1_000, 10_000], Math.max(3, seconds / 20), 20, progress)
  const cold = await measureColdStart(ports, Math.max(5, Math.round(seconds / 8)), progress)
  const medians = Object.entries(cpu.ratios).map(([name, { median }]) => [name, median])
  const fixed = (value: number, digits = 2) => Number(value.toFixed(digits))
  return {
    tables: {
      'CPU µs per request (median, quartiles)': cpu.costs.map(costRow),
      'ratios of CPU, round by round': Object.entries(cpu.ratios).map(([name, ratio]) => ({
        ...{ name, ratio: formatSpread(ratio, 3), rounds: ratio.rounds },
      })),
      'latency at 400 requests/s': latency.rows.map(({ name, addedMs, p50Ms, p99Ms }) => ({
        ...{ name, 'added ms': addedMs, 'p50 ms': formatSpread(p50Ms, 2), 'p99 ms': formatSpread(p99Ms, 2) },
      })),
      'messages of one isolate to its node, 20 ms away': messages.map((row) => ({
        'requests/s': row.perSecond,
        reached: Math.round(row.reached),
        'messages per 1000': fixed(row.messagesPer1000),
        'messages/s': fixed(row.messagesPerSecond),
      })),
      'bundle, KiB after gzip': [
        {
          'the edge, all of it': fixed(bundle.edgeGzip / KIB, 1),
          'all in one, loaded at the start': fixed(bundle.hotPathGzip / KIB, 1),
          'all in one': fixed(bundle.totalGzip / KIB, 1),
        },
      ],
      'cold start': cold.map(({ what, totalMs, requestMs, cpuMs, totalOverPlain }) => ({
        ...{ what, 'first answer, ms': formatSpread(totalMs), 'first request, ms': formatSpread(requestMs) },
        ...{ 'CPU, ms': formatSpread(cpuMs, 0), 'over plain': formatSpread(totalOverPlain, 2) },
      })),
    },
    ratios: {
      ...Object.fromEntries(medians),
      ...Object.fromEntries(
        DELAYS_MS.map((ms) => [`p50OverPlainAt${ms}Ms`, latency.p50OverPlain[ms]!.median]),
      ),
      ...Object.fromEntries(
        messages.map((row) => [`messagesPer1000At${row.perSecond}`, row.messagesPer1000]),
      ),
      hotPathKib: bundle.edgeGzip / KIB,
      hotPathAllInOneKib: bundle.hotPathGzip / KIB,
      coldStartOverPlain: cold[1]!.totalOverPlain.median,
      coldStartOfAllOverPlain: cold[2]!.totalOverPlain.median,
    },
    notes: cpu.skipped,
  }
}

function costRow({ name, what, runtime, addedMs, cpuMicros, storeMicros }: VariantCost) {
  return {
    ...{ name, what, in: runtime, 'added ms': addedMs, 'CPU µs': formatSpread(cpuMicros) },
    'and its store': Number(storeMicros.toFixed(1)),
  }
}
