import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Catalogue, PLANETLAB, STEP_S } from './catalogue.ts'

/** A folder, day or file the simulation cannot use; the message is one line for the operator. */
export class TraceError extends Error {}

/** CPU load of the machines of one day: `percent[machine * samples + sample]`. */
export interface Trace {
  readonly day: string
  readonly vmCount: number
  readonly samples: number
  readonly percent: Uint8Array
}

const manifestSchema = z.record(
  z.string().regex(/^\d{8}$/, 'days are named YYYYMMDD'),
  z.object({
    vms: z.int().positive(),
    samples: z.int().min(2),
    interval_s: z.literal(STEP_S),
    unit: z.literal('percent CPU'),
  }),
)

const watts = z.array(z.number().nonnegative()).length(11)
const experimentSchema = z.object({
  hosts: z.object({
    count: z.int().positive(),
    types: z
      .array(
        z.object({
          name: z.string(),
          mips_per_pe: z.number().positive(),
          pes: z.int().positive(),
          ram_mb: z.number().positive(),
          bw_kbit_s: z.number().positive(),
          watts_0_to_100pct: watts,
        }),
      )
      .min(1),
  }),
  vms: z.object({
    types: z.array(z.object({ mips: z.number().positive(), ram_mb: z.number().positive() })).min(1),
    bw_kbit_s: z.number().positive(),
  }),
  lower_bounds_kwh: z.record(z.string(), z.object({ LB_all: z.number(), LB_compat: z.number() })).optional(),
})

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new TraceError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function parse<T>(schema: z.ZodType<T>, path: string): T {
  const parsed = schema.safeParse(readJson(path))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new TraceError(`${path}: ${issue.path.join('.')}: ${issue.message}`)
}

/** The days a folder of traces holds, in order. */
export function listDays(folder: string): string[] {
  if (!existsSync(folder)) throw new TraceError(`no such folder: ${folder}`)
  const path = join(folder, 'manifest.json')
  if (!existsSync(path)) throw new TraceError(`${folder} holds no manifest.json, so no traces`)
  return Object.keys(parse(manifestSchema, path)).sort()
}

/**
 * Reads one day: `<day>.u8`, machine after machine, one byte per sample.
 *
 * @throws TraceError for an unknown day, or a file whose length is not what the manifest says
 */
export function readTrace(folder: string, day: string): Trace {
  const days = listDays(folder)
  if (!days.includes(day)) throw new TraceError(`unknown day ${day}: ${folder} has ${days.join(', ')}`)
  const { vms, samples } = parse(manifestSchema, join(folder, 'manifest.json'))[day]!
  const path = join(folder, `${day}.u8`)
  if (!existsSync(path)) throw new TraceError(`no such file: ${path}`)
  const percent = new Uint8Array(readFileSync(path))
  if (percent.length !== vms * samples) {
    throw new TraceError(`${path} has ${percent.length} bytes, its manifest says ${vms} × ${samples}`)
  }
  if (percent.some((value) => value > 100)) throw new TraceError(`${path} holds a load above 100 %`)
  return { day, vmCount: vms, samples, percent }
}

/** Hosts and machine types: from `experiment.json` in the folder, else the published experiment. */
export function readCatalogue(folder: string): Catalogue {
  const path = join(folder, 'experiment.json')
  if (!existsSync(path)) return PLANETLAB
  const { hosts, vms, lower_bounds_kwh } = parse(experimentSchema, path)
  const bounds = Object.entries(lower_bounds_kwh ?? {}).map(([day, bound]) => [day, bound.LB_compat])
  return {
    hostCount: hosts.count,
    hostTypes: hosts.types.map((type) => ({
      name: type.name,
      mipsPerCore: type.mips_per_pe,
      cores: type.pes,
      ramMb: type.ram_mb,
      bandwidthKbit: type.bw_kbit_s,
      watts: type.watts_0_to_100pct,
    })),
    vmTypes: vms.types.map((type) => ({ mips: type.mips, ramMb: type.ram_mb })),
    vmBandwidthKbit: vms.bw_kbit_s,
    publishedBoundsKwh: Object.fromEntries(bounds),
  }
}
