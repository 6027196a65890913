import type { AccountState } from '../../src/core/control.ts'
import type { MigrationView } from '../../src/core/migration-view.ts'

/** The admin API of a local edge, as far as the tools need it. */
export class Admin {
  readonly #url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.#url = `${url}/_stint/api/v1`
    this.#token = token
  }

  /** Applies a manifest. @throws Error with what the API said. */
  async apply(manifest: string): Promise<void> {
    await this.#ask('POST', '/apply', manifest)
  }

  /** Every account's balances and usage, after its node has made them durable. */
  async accounts(): Promise<AccountState[]> {
    const { items } = (await this.#ask('GET', '/usage?limit=100')) as {
      items: { tenant: string; available: boolean; accounts: AccountState[] }[]
    }
    const missing = items.find((item) => !item.available)
    if (missing !== undefined) throw new Error(`the usage of ${missing.tenant} is not available now`)
    return items.flatMap((item) => item.accounts)
  }

  /** Where tenants live, the first hundred. */
  async placements(): Promise<{ tenant: string; node: string; epoch: number }[]> {
    const { items } = (await this.#ask('GET', '/placements?limit=100')) as {
      items: { tenant: string; node: string; epoch: number }[]
    }
    return items
  }

  /** Begins a move. @throws Error with what the API said. */
  async migrate(tenant: string, to: string): Promise<MigrationView> {
    const move = JSON.stringify({ tenant, to })
    return (await this.#ask('POST', '/migrations', move, 'application/json')) as MigrationView
  }

  /** Asks for the abort of a tenant's move. @throws Error with what the API said. */
  async abortMigration(tenant: string): Promise<void> {
    await this.#ask('POST', `/tenants/${tenant}/migration/abort`)
  }

  /** Marks a node: it takes nothing new, and its tenants leave. */
  async drain(node: string): Promise<void> {
    await this.#ask('POST', `/nodes/${node}/drain`)
  }

  /** The last migrations of a tenant. */
  async migrations(tenant: string): Promise<MigrationView[]> {
    const { items } = (await this.#ask('GET', `/migrations?limit=5&tenant=${tenant}`)) as {
      items: MigrationView[]
    }
    return items
  }

  /** Any other call, with a JSON body. @throws Error with what the API said. */
  async json<T>(method: string, path: string, body?: object): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return (await this.#ask(method, path, text, 'application/json')) as T
  }

  /** The newest 500 of those that are open. */
  async openMigrations(): Promise<MigrationView[]> {
    const { items } = (await this.#ask('GET', '/migrations?limit=500&open=true')) as {
      items: MigrationView[]
    }
    return items
  }

  /** The newest 500. */
  async allMigrations(): Promise<MigrationView[]> {
    const { items } = (await this.#ask('GET', '/migrations?limit=500')) as { items: MigrationView[] }
    return items
  }

  /** How many tenants live on a node. */
  async tenantsOn(node: string): Promise<number> {
    return ((await this.#ask('GET', `/nodes/${node}`)) as { status: { tenants: number } }).status.tenants
  }

  async #ask(method: string, path: string, body?: string, type = 'application/yaml'): Promise<unknown> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        Authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'Content-Type': type }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
    return JSON.parse(text)
  }
}
