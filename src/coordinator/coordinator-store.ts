import { createPlanTables } from './plans-schema.ts'
import { createTables } from './schema.ts'

/** A row of `nodes`: what is wanted of a node and how far it is. */
export type NodeRow = {
  name: string
  /** The manifest as canonical JSON. */
  manifest: string
  /** Grows with every change of the spec. */
  generation: number
  /** Revision of the store in which the manifest last changed; the object's entity tag. */
  revision: number
  created_ms: number
  capacity_micro: number
  zone: string | null
  /** 1 if the manifest says so. */
  cordoned: number
  /** When an operator cordoned it, whatever the manifest says. */
  cordon_ms: number | null
  drain_ms: number | null
  /** Set while the node object has not yet confirmed that it holds no tenants any more. */
  deleted_ms: number | null
  /** Generation of the manifest its node object has confirmed. */
  observed_generation: number
  /** A {@link NodeHealth} as JSON, written when the phase changes; null before the first report. */
  health: string | null
  /** Generation of the {@link NodeConfig} the node object should have. */
  config_generation: number
  /** The one it has confirmed. */
  acked_generation: number
  acked_ms: number | null
  push_attempts: number
  push_due_ms: number
  push_error: string | null
}

/** A row of `tenants`: what is wanted of a tenant, and where it lives. */
export type TenantRow = {
  name: string
  manifest: string
  generation: number
  revision: number
  created_ms: number
  base_micro: number
  anti_affinity: string | null
  /** The node the manifest fixes it to. */
  pin: string | null
  /** 1 while the reconcile loop has to look at it. */
  due: number
  node: string | null
  epoch: number
  /** Highest epoch ever issued for the name. */
  issued_epoch: number
  placed_ms: number | null
  /** What the node has promised the tenant: its base, or the former one while the new one does not fit. */
  reserved_micro: number
  /** Generation of the node's config that first carried what is served now. */
  config_generation: number
  /** The former manifest, served until the wanted one is settled; null when they are the same. */
  serving: string | null
  /** Generation of the manifest the reconcile loop has looked at. */
  observed_generation: number
  /** A {@link Trouble} as JSON while what is wanted does not fit. */
  trouble: string | null
}

/** Why a tenant is not (yet) as wanted. */
export interface Trouble {
  readonly reason: string
  readonly message: string
  readonly atMs: number
}

/** Anything but a promise: a transaction must not wait, or others would see half of it. */
type Synchronous = undefined | string | number | boolean | (object & { readonly then?: never })

/** The storage of one coordinator: SQLite behind typed rows. All calls are synchronous. */
export class CoordinatorStore {
  readonly sql: SqlStorage
  readonly #storage: DurableObjectStorage

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.sql = storage.sql
    createTables(this.sql)
    createPlanTables(this.sql)
  }

  /** Runs `work` in one transaction: all of it is kept, or nothing when it throws. */
  transaction<T extends Synchronous>(work: () => T): T {
    return this.#storage.transactionSync(work)
  }

  /** A number of the `meta` table, 0 when it was never set. */
  number(key: string): number {
    return this.all<{ value: number }>('SELECT value FROM meta WHERE key = ?', key)[0]?.value ?? 0
  }

  setNumber(key: string, value: number): void {
    this.sql.exec('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value)
  }

  /** The revision of the last change of anything wanted or placed. */
  get revision(): number {
    return this.number('revision')
  }

  /** Issues the next revision. Never goes back, so it also serves as generation of node configs. */
  nextRevision(): number {
    const revision = this.revision + 1
    this.setNumber('revision', revision)
    return revision
  }

  node(name: string): NodeRow | undefined {
    return this.all<NodeRow>('SELECT * FROM nodes WHERE name = ?', name)[0]
  }

  tenant(name: string): TenantRow | undefined {
    return this.all<TenantRow>('SELECT * FROM tenants WHERE name = ?', name)[0]
  }

  tenantsOn(node: string): TenantRow[] {
    return this.all<TenantRow>('SELECT * FROM tenants WHERE node = ? ORDER BY name', node)
  }

  /** All rows of a query. */
  all<Row extends Record<string, SqlStorageValue>>(query: string, ...values: SqlStorageValue[]): Row[] {
    return this.sql.exec<Row>(query, ...values).toArray()
  }

  /** Runs a statement. @returns rows it changed or wrote, as far as SQLite counts them */
  run(query: string, ...values: SqlStorageValue[]): void {
    this.sql.exec(query, ...values)
  }

  /** Says that a node's config has changed and must be sent. */
  touchNode(name: string, generation: number): void {
    this.run(
      'UPDATE nodes SET config_generation = ?, push_attempts = 0, push_due_ms = 0 WHERE name = ?',
      generation,
      name,
    )
  }

  /**
   * As {@link touchNode}, for news the node has already: it is told when `laterMs` has come, with all the news
   * until then; what is due earlier stays so.
   */
  touchNodeLater(name: string, generation: number, nowMs: number, laterMs: number): void {
    this.run(
      `UPDATE nodes SET config_generation = ?1, push_attempts = 0, push_due_ms = CASE
         WHEN push_due_ms > ?2 THEN MIN(push_due_ms, ?3)
         WHEN acked_generation = config_generation THEN ?3
         ELSE push_due_ms END WHERE name = ?4`,
      generation,
      nowMs,
      laterMs,
      name,
    )
  }

  /** Has every tenant that did not fit looked at again: room may have come free. */
  wakeTroubled(): void {
    this.run('UPDATE tenants SET due = 1 WHERE trouble IS NOT NULL')
  }
}
