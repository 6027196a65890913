import type { NodeConfig } from '../../../src/core/control.ts'
import type { NodeRow, NodeWrite, TenantRecord } from '../../../src/core/node-life.ts'
import type { Place } from '../../../src/core/places.ts'
import type { AccountHeard } from './heard.ts'

/** What one transaction of a node writes. */
export interface NodeTransaction {
  readonly life: NodeWrite
  readonly config?: NodeConfig | undefined
  readonly places?: ReadonlyMap<string, Place | null> | undefined
  /** What the model says of the accounts written. */
  readonly heard: ReadonlyMap<string, AccountHeard>
}

/** A node's durable rows. They are read as text is: nothing but plain data comes back. */
export class NodeDisk {
  config: NodeConfig | undefined
  #node: NodeRow | undefined
  readonly #accounts = new Map<string, TenantRecord>()
  readonly #places = new Map<string, Place>()
  #heard = new Map<string, AccountHeard>()

  apply({ life, config, places, heard }: NodeTransaction): void {
    if (config !== undefined) this.config = config
    this.#node = life.node
    for (const [tenant, place] of places ?? []) {
      if (place === null) this.#places.delete(tenant)
      else this.#places.set(tenant, place)
    }
    for (const tenant of life.gone) {
      this.#accounts.delete(tenant)
      this.#heard.delete(tenant)
    }
    for (const record of life.tenants) this.#accounts.set(record.account.tenant, record)
    for (const [tenant, model] of heard) this.#heard.set(tenant, model)
  }

  place(tenant: string): Place | undefined {
    return this.#places.get(tenant)
  }

  readLife(): { node: NodeRow; tenants: TenantRecord[] } | undefined {
    if (this.#node === undefined) return undefined
    return plain({ node: this.#node, tenants: [...this.#accounts.values()] })
  }

  readPlaces(): Map<string, Place> {
    return new Map(plain([...this.#places]))
  }

  readHeard(): Map<string, AccountHeard> {
    return new Map(Array.from(this.#heard, ([tenant, heard]) => [tenant, heard.copy()]))
  }
}

/** What comes back when it was written down as text. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
