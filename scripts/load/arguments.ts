import { parseArgs } from 'node:util'
import { normalizeHost, parseName, quote } from '../../src/core/name.ts'
import { err, ok, type Result } from '../../src/core/result.ts'
import type { LoadOptions } from './run.ts'

/** How to call the tool. */
export const USAGE = `npm run load -- --tenant NAME=PER_SECOND … [--seconds 10] [--port 8787] [--seed 1]
  [--arrivals even|poisson] [--host-suffix localhost] [--path /] [--connections 256] [--json]`

/** Most requests of one run: their arrival times are held in memory, 8 bytes each. */
const MAX_REQUESTS = 20_000_000

/** What the command line asks for. */
export interface Command {
  readonly load: LoadOptions
  readonly json: boolean
}

/** Reads the command line; the error is one line. */
export function parseCommand(args: readonly string[]): Result<Command, string> {
  let values: ReturnType<typeof parse>
  try {
    values = parse(args)
  } catch (error) {
    return err(error instanceof Error ? error.message.split('\n')[0]! : String(error))
  }
  const faults: string[] = []
  const number = (option: string, text: string, least: number, most: number, whole = true): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    const right = value >= least && value <= most && (!whole || Number.isInteger(value))
    if (!right)
      faults.push(
        `${option} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, got ${quote(text)}`,
      )
    return value
  }
  const tenants = (values.tenant ?? []).map((text) => {
    const [, name = text, rate = ''] = /^(.*)=([^=]*)$/s.exec(text) ?? []
    const named = parseName(name)
    if (!named.ok) faults.push(`--tenant ${quote(text)}: the name ${named.error}`)
    return { name, perSecond: number(`--tenant ${quote(name)}: the rate`, rate, 0, 1_000_000, false) }
  })
  if (tenants.length === 0) faults.push('at least one --tenant NAME=PER_SECOND is needed')
  if (new Set(tenants.map(({ name }) => name)).size < tenants.length)
    faults.push('each --tenant must be named once')
  const seconds = number('--seconds', values.seconds, 0.1, 86_400, false)
  const suffix = normalizeHost(values['host-suffix'])
  if (!suffix.ok) faults.push(`--host-suffix ${suffix.error}`)
  const arrivals = values.arrivals
  if (arrivals !== 'even' && arrivals !== 'poisson') faults.push('--arrivals must be even or poisson')
  if (!/^\/[!-~]*$/.test(values.path)) faults.push('--path must start with "/"')
  const requests = tenants.reduce((sum, { perSecond }) => sum + perSecond, 0) * seconds
  if (requests > MAX_REQUESTS) faults.push(`a run has at most ${MAX_REQUESTS} requests, this has ${requests}`)
  const load: LoadOptions = {
    tenants,
    seconds,
    port: number('--port', values.port, 1, 65_535),
    seed: number('--seed', values.seed, 0, 4_294_967_295),
    arrivals: arrivals === 'poisson' ? 'poisson' : 'even',
    hostSuffix: suffix.ok ? suffix.value : '',
    path: values.path,
    connections: number('--connections', values.connections, 1, 10_000),
  }
  return faults.length > 0 ? err(faults[0]!) : ok({ load, json: values.json })
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      tenant: { type: 'string', multiple: true },
      seconds: { type: 'string', default: '10' },
      port: { type: 'string', default: '8787' },
      seed: { type: 'string', default: '1' },
      arrivals: { type: 'string', default: 'even' },
      'host-suffix': { type: 'string', default: 'localhost' },
      path: { type: 'string', default: '/' },
      connections: { type: 'string', default: '256' },
      json: { type: 'boolean', default: false },
    },
  }).values
}
