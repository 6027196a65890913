import type { NodeConfig } from '../core/control.ts'
import type { FinalUsage } from '../core/departures.ts'
import type { NodeRow, NodeWrite, TenantRecord } from '../core/node-life.ts'
import type { Place } from '../core/places.ts'

/** `docs/storage.md` says what each table and key holds. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS node (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS account (tenant TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS place (tenant TEXT PRIMARY KEY, value TEXT NOT NULL);
`

/** What earlier lives left. */
export interface StoredLife {
  readonly node: NodeRow
  readonly tenants: readonly TenantRecord[]
}

/**
 * The node object's storage. Every call is synchronous, so a transaction cannot be interrupted; what is
 * written is durable before the object's next answer leaves (the platform's output gate).
 */
export class NodeStore {
  readonly #storage: DurableObjectStorage

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    storage.sql.exec(SCHEMA)
  }

  readConfig(): NodeConfig | undefined {
    return this.#read<NodeConfig>('config')
  }

  /** What deleted tenants had used in all, as far as the coordinator has not confirmed that it knows. */
  readFinals(): FinalUsage[] {
    return this.#read<FinalUsage[]>('finals') ?? []
  }

  /** What earlier lives left; undefined on the very first start. */
  readLife(): StoredLife | undefined {
    const node = this.#read<NodeRow>('life')
    if (node === undefined) return undefined
    const rows = this.#storage.sql.exec<{ value: string }>('SELECT value FROM account ORDER BY tenant')
    return { node, tenants: [...rows].map(({ value }) => JSON.parse(value) as TenantRecord) }
  }

  /** What this node knows of tenants that live here, come, leave or have left. */
  readPlaces(): Map<string, Place> {
    const rows = this.#storage.sql.exec<{ tenant: string; value: string }>('SELECT tenant, value FROM place')
    return new Map([...rows].map(({ tenant, value }) => [tenant, JSON.parse(value) as Place]))
  }

  /** One transaction: all of it or nothing. */
  write(
    write: NodeWrite,
    told?: { readonly config: NodeConfig; readonly finals: readonly FinalUsage[] },
    places?: ReadonlyMap<string, Place | null>,
  ): void {
    this.#storage.transactionSync(() => {
      for (const [tenant, place] of places ?? []) this.#putPlace(tenant, place)
      if (told !== undefined) {
        this.#put('config', told.config)
        this.#put('finals', told.finals)
      }
      this.#put('life', write.node)
      for (const tenant of write.gone) this.#storage.sql.exec('DELETE FROM account WHERE tenant = ?', tenant)
      for (const record of write.tenants) {
        this.#storage.sql.exec(
          'INSERT INTO account (tenant, value) VALUES (?1, ?2) ON CONFLICT (tenant) DO UPDATE SET value = ?2',
          record.account.tenant,
          JSON.stringify(record),
        )
      }
    })
  }

  #putPlace(tenant: string, place: Place | null): void {
    if (place === null) {
      this.#storage.sql.exec('DELETE FROM place WHERE tenant = ?', tenant)
      return
    }
    this.#storage.sql.exec(
      'INSERT INTO place (tenant, value) VALUES (?1, ?2) ON CONFLICT (tenant) DO UPDATE SET value = ?2',
      tenant,
      JSON.stringify(place),
    )
  }

  #read<T>(key: string): T | undefined {
    const [row] = this.#storage.sql.exec<{ value: string }>('SELECT value FROM node WHERE key = ?', key)
    return row && (JSON.parse(row.value) as T)
  }

  #put(key: string, value: unknown): void {
    this.#storage.sql.exec(
      'INSERT INTO node (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2',
      key,
      JSON.stringify(value),
    )
  }
}
