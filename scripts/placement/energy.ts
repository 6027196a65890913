import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { ZoneSignal } from '../../src/core/planner/model.ts'
import type { Datacentre } from './datacentre.ts'
import type { ZonePlan } from './planner-policy.ts'
import { TraceError } from './traces.ts'

/** Hourly values of one zone, by `YYYY-MM-DD HH`, UTC. */
type Hours = ReadonlyMap<string, number>

/** Carbon intensity (g/kWh) and price (per kWh) of electricity by zone and hour. */
export interface EnergyBook {
  readonly zones: readonly string[]
  readonly carbon: ReadonlyMap<string, Hours>
  readonly price: ReadonlyMap<string, Hours>
  readonly year: string
}

const HOUR_S = 3600

/**
 * Reads hourly files `carbon_<zone>_<year>…csv` (columns datetime_utc, …, gco2eq_per_kwh_lca last) and
 * `price_<zone>_<year>…csv` (per MWh). Either list may name folders, of which the files of its kind are taken.
 *
 * @throws TraceError when a path is missing, misnamed or holds no hours
 */
export function readEnergy(carbonPaths: readonly string[], pricePaths: readonly string[]): EnergyBook {
  const carbon = readKind('carbon', carbonPaths)
  const price = readKind('price', pricePaths)
  const zones = [...new Set([...carbon.hours.keys(), ...price.hours.keys()])].sort()
  const perKwh = [...price.hours].map(([zone, hours]): [string, Hours] => [
    zone,
    new Map([...hours].map(([hour, perMwh]) => [hour, perMwh / 1000])),
  ])
  const year = carbon.year || price.year
  if (carbon.year && price.year && carbon.year !== price.year) {
    throw new TraceError(`carbon is of ${carbon.year}, prices of ${price.year}`)
  }
  return { zones, carbon: carbon.hours, price: new Map(perKwh), year }
}

function readKind(kind: 'carbon' | 'price', paths: readonly string[]) {
  const hours = new Map<string, Hours>()
  let year = ''
  for (const file of paths.flatMap((path) => filesOf(kind, path))) {
    const name = new RegExp(`^${kind}_(.+)_(\\d{4})(_.*)?\\.csv$`).exec(basename(file))
    if (name === null) throw new TraceError(`${file} is not named ${kind}_<zone>_<year>….csv`)
    year = name[2]!
    hours.set(name[1]!, parseHours(file))
  }
  return { hours, year }
}

function filesOf(kind: string, path: string): string[] {
  if (!existsSync(path)) throw new TraceError(`no such file or folder: ${path}`)
  if (!statSync(path).isDirectory()) return [path]
  const files = readdirSync(path).filter((name) => name.startsWith(`${kind}_`) && name.endsWith('.csv'))
  if (files.length === 0) throw new TraceError(`${path} holds no ${kind}_….csv`)
  return files.sort().map((name) => join(path, name))
}

function parseHours(file: string): Hours {
  const hours = new Map<string, number>()
  for (const line of readFileSync(file, 'utf8').trim().split('\n').slice(1)) {
    const cells = line.split(',')
    const value = Number(cells.at(-1))
    if (!/^\d{4}-\d\d-\d\d[ T]\d\d/.test(cells[0]!) || cells.length < 2 || !Number.isFinite(value)) {
      throw new TraceError(`${file}: cannot read "${line}"`)
    }
    hours.set(cells[0]!.slice(0, 13).replace('T', ' '), value)
  }
  if (hours.size === 0) throw new TraceError(`${file} holds no hours`)
  return hours
}

/** What electricity costs and emits through one day of the traces, on the same date of the book's year. */
export class EnergyDay implements ZonePlan {
  readonly #book: EnergyBook
  readonly #date: string
  #costUsd = 0
  #carbonGrams = 0

  constructor(book: EnergyBook, day: string) {
    this.#book = book
    this.#date = `${book.year}-${day.slice(4, 6)}-${day.slice(6, 8)}`
  }

  /** Hosts are dealt to the zones in pairs, so that every zone has as many of each kind. */
  zoneOf = (host: number): string => this.#book.zones[(host >> 1) % this.#book.zones.length]!

  signalsAt = (second: number): Readonly<Record<string, ZoneSignal>> => {
    const hour = Math.min(23, Math.floor(second / HOUR_S))
    const key = `${this.#date} ${String(hour).padStart(2, '0')}`
    const signals: Record<string, ZoneSignal> = {}
    for (const zone of this.#book.zones) {
      signals[zone] = {
        pricePerKwh: valueAt(this.#book.price, zone, key),
        gramsPerKwh: valueAt(this.#book.carbon, zone, key),
        holdsUntilMs: (hour + 1) * HOUR_S * 1000,
      }
    }
    return signals
  }

  /** Books a frame of the data centre at the hour it ended in. */
  count(dc: Datacentre): void {
    const signals = this.signalsAt(dc.now)
    for (let host = 0; host < dc.hostCount; host++) {
      const kwh = dc.frameJoules[host]! / 3_600_000
      const signal = signals[this.zoneOf(host)]!
      this.#costUsd += kwh * signal.pricePerKwh
      this.#carbonGrams += kwh * signal.gramsPerKwh
    }
  }

  totals(): { costUsd: number; carbonKg: number } {
    return { costUsd: this.#costUsd, carbonKg: this.#carbonGrams / 1000 }
  }
}

/** The zone's own value, else the mean of the zones that have one. */
function valueAt(all: ReadonlyMap<string, Hours>, zone: string, key: string): number {
  if (all.size === 0) return 0
  const own = all.get(zone)?.get(key)
  if (own !== undefined) return own
  const known = [...all.values()].flatMap((hours) => hours.get(key) ?? [])
  if (known.length === 0) throw new TraceError(`no carbon or price at ${key}:00`)
  return known.reduce((a, b) => a + b, 0) / known.length
}
