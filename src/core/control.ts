import type { TenantCapsule } from './capsule.ts'
import type { Checkpoint } from './checkpoints.ts'
import type { Departure, FinalUsage } from './departures.ts'
import type { HandedIn } from './late-usage.ts'
import type { NodeManifest } from './manifest/node.ts'
import type { TenantManifest } from './manifest/tenant.ts'
import type { LeaseReply, LeaseRequest } from './messages.ts'
import type { ServingLeaseTerms } from './migration/serving-lease.ts'
import type { NodeAnswer, NodeMessage } from './migration/types.ts'
import type { Usage } from './usage.ts'

/** What an edge must know to serve a tenant: where it lives, and how its requests are treated. */
export interface Route {
  readonly tenant: string
  /** Epoch of the placement; grows by one with every move. */
  readonly epoch: number
  /** Name of the node the tenant lives on; absent while it is not placed. */
  readonly node?: string
  readonly upstream: NodeManifest['spec']['origin']
  readonly roundMs: number
  /** The tenant's own settings, defaults filled in. */
  readonly policy: TenantManifest['spec']
}

/** Every tenant that claims a host name; the longest path prefix that fits wins. */
export interface HostRoutes {
  readonly host: string
  readonly routes: readonly Route[]
}

/** What edges ask the coordinator; never on the path of a request whose route is cached. */
export interface DirectoryApi {
  /** The tenants of a host name; null when nobody claims it. */
  resolveHost(host: string): Promise<HostRoutes | null>
  /** Where a tenant lives now; null when there is no such tenant. */
  resolveTenant(tenant: string): Promise<Route | null>
}

/** A tenant as the coordinator places it on a node; rates in tokens per second, as in the manifest. */
export interface PlacedTenant {
  readonly tenant: string
  readonly epoch: number
  readonly spec: TenantManifest['spec']
}

/** All a node must know: its own settings and the tenants placed on it. Level-triggered, never a difference. */
export interface NodeConfig {
  readonly node: string
  /** Grows with every change; an older one is ignored. */
  readonly generation: number
  readonly spec: NodeManifest['spec']
  readonly tenants: readonly PlacedTenant[]
  /** Deleted tenants whose final usage has not arrived; absent where there is none. */
  readonly departed?: readonly Departure[]
}

/** The node's word on a {@link NodeConfig}. */
export interface ConfigAnswer {
  readonly generation: number
  /** Tenants whose settings the node could not take, with the reason. */
  readonly refused: readonly { readonly tenant: string; readonly reason: string }[]
  /** Of every departed tenant what it has used, the same however often it is asked; absent where none was asked for. */
  readonly departed?: readonly FinalUsage[]
}

/** A tenant's account as the node sees it now. Tokens (not micro-tokens) per round. */
export interface AccountState {
  readonly tenant: string
  readonly device?: string
  readonly epoch: number
  readonly base: number
  /** Below 0: negative tokens. */
  readonly balance: number
  readonly owed: number
  readonly granted: number
  readonly wanted: number
  readonly borrowedTotal: number
  readonly spentTotal: number
  readonly refusedNow: boolean
  readonly edges: number
  readonly usage: Usage
}

/** A node as it sees itself now. */
export interface NodeState {
  readonly node: string
  /** Starts of this node object so far. */
  readonly life: number
  readonly generation: number
  readonly capacity: number
  readonly roundMs: number
  readonly round: number
  /** What is left of this round, tokens; below 0 after lenders took their base back. */
  readonly pool: number
  readonly accounts: readonly AccountState[]
}

/** What others ask a node object. */
export interface NodeApi {
  lease(request: LeaseRequest): Promise<LeaseReply>
  configure(config: NodeConfig): Promise<ConfigAnswer>
  /** Balances and usage, after making the usage durable. */
  state(): Promise<NodeState>
  /** One step of a migration; see `core/migration`. */
  migrate(message: NodeMessage<TenantCapsule>): Promise<NodeAnswer<TenantCapsule>>
  /**
   * Books, once, what a node the tenant was taken over from has handed in.
   * @returns the account afterwards; null where it is not live at that epoch, and nothing was booked
   */
  settle(tenant: string, epoch: number, handedIn: HandedIn): Promise<Checkpoint | null>
}

/** What a node knows of its origin: its own probe and what the edges report. */
export interface OriginHealth {
  /** By the probe's thresholds; `unknown` before it has counted enough, or without a probe. */
  readonly verdict: 'healthy' | 'unhealthy' | 'unknown'
  /** Why, for people; at most 200 characters. */
  readonly reason: string
  /** Requests the edges forwarded since the last report, and how they ended. */
  readonly requests: number
  /** Answers 500 … 599. */
  readonly failures: number
  readonly timeouts: number
  /** Mean time to the first byte, ms; 0 without requests. */
  readonly meanMs: number
}

/** Demand and spending of one tenant since the last report, tokens/s. */
export interface TenantLoad {
  readonly tenant: string
  readonly demand: number
  readonly spent: number
}

/** What a node tells the coordinator every few seconds. Rates in tokens/s. */
export interface NodeReport {
  /** Version of the messages, {@link MESSAGE_VERSION}. */
  readonly version: number
  /** Starts of the node object so far. */
  readonly life: number
  /** Generation of the config it has. */
  readonly generation: number
  readonly capacity: number
  readonly demand: number
  readonly spent: number
  readonly origin: OriginHealth
  /** The tenants with the most demand, at most {@link MAX_REPORTED_TENANTS}. */
  readonly tenants: readonly TenantLoad[]
}

/** Tenants one heartbeat reports. */
export const MAX_REPORTED_TENANTS = 1_000

/** The coordinator's answer to a heartbeat. */
export interface HeartbeatAnswer {
  /** Generation the node should have; 0 when the coordinator does not know the node. */
  readonly generation: number
  /** When the next report is expected, ms from now. */
  readonly nextMs: number
  /**
   * What became of tenants while the node was silent: obeyed, and durable, before the lease to serve is renewed;
   * the answers are handed in at once (`CoordinatorApi.handIn`).
   */
  readonly messages: readonly NodeMessage<TenantCapsule>[]
  /** The lease to serve, counted from when the report was sent; null while there are more messages. */
  readonly serve: ServingLeaseTerms | null
  /** How many states of accounts the next report may bring. */
  readonly checkpoints: number
}
