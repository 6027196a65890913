import { DurableObject } from 'cloudflare:workers'
import type { DirectoryApi, HostRoutes, NodeApi, Route } from '../core/control.ts'
import type { ManifestSet } from '../core/manifest/check.ts'
import type { Result } from '../core/result.ts'
import { type ApplyFault, type ApplyOptions, type ApplyReport, applySet } from './apply.ts'
import { CoordinatorStore } from './coordinator-store.ts'
import { routeOfTenant, routesOfHost } from './directory.ts'
import { acceptAnswer, acceptSilence, nextPushMs, nodeConfig, pendingPushes } from './pushes.ts'
import { settleTenants } from './settle.ts'

/** What the coordinator needs of the platform. */
export interface CoordinatorEnv {
  readonly NODES: DurableObjectNamespace<NodeApi & Rpc.DurableObjectBranded>
}

/** Bounds of one run of the reconcile loop; what is left is done by the next alarm. */
const LOOP = {
  maxSteps: 64,
  /** Configs under way at a time: each may be some MB. */
  parallelPushes: 8,
  /** A node that has not answered by then is asked again later. */
  pushTimeoutMs: 10_000,
} as const

/**
 * Holds what is wanted (nodes, tenants), where each tenant lives and at which epoch, and drives what is
 * towards it. Everything is durable before it is answered; a config that a node has not confirmed is sent
 * again by the alarm, however often the object is restarted.
 */
export class CoordinatorObject extends DurableObject<CoordinatorEnv> implements DirectoryApi {
  readonly #store: CoordinatorStore
  #reconciling: Promise<void> | undefined
  /** Nodes being sent a config now, so that two loops do not send the same one. */
  readonly #pushing = new Map<string, Promise<void>>()

  constructor(ctx: DurableObjectState, env: CoordinatorEnv) {
    super(ctx, env)
    this.#store = new CoordinatorStore(ctx.storage)
  }

  /** Makes a set of parsed manifests the wanted state: all of it, or nothing. The same set again changes nothing. */
  async apply(set: ManifestSet, options: ApplyOptions = {}): Promise<Result<ApplyReport, ApplyFault[]>> {
    const outcome = applySet(this.#store, set, options, Date.now())
    await this.#wake()
    return outcome
  }

  async resolveHost(host: string): Promise<HostRoutes | null> {
    await this.#readyToServe(() => routesOfHost(this.#store, host)?.routes ?? [])
    return routesOfHost(this.#store, host)
  }

  async resolveTenant(tenant: string): Promise<Route | null> {
    await this.#readyToServe(() => {
      const route = routeOfTenant(this.#store, tenant)
      return route === null ? [] : [route]
    })
    return routeOfTenant(this.#store, tenant)
  }

  override async alarm(): Promise<void> {
    await this.#reconcile()
  }

  /** Has the loop run now, and by the alarm should this object be gone before it ends. */
  async #wake(): Promise<void> {
    if (!this.#hasWork()) return
    await this.ctx.storage.setAlarm(Date.now() + 1_000)
    this.ctx.waitUntil(this.#reconcile())
  }

  #hasWork(): boolean {
    return (
      this.#store.all('SELECT 1 FROM tenants WHERE due = 1 LIMIT 1').length > 0 ||
      nextPushMs(this.#store) !== undefined
    )
  }

  /** One run at a time; calls during a run share it. */
  #reconcile(): Promise<void> {
    this.#reconciling ??= this.#run().finally(() => {
      this.#reconciling = undefined
    })
    return this.#reconciling
  }

  async #run(): Promise<void> {
    for (let step = 0; step < LOOP.maxSteps; step++) {
      const settled = settleTenants(this.#store, Date.now())
      const nodes = pendingPushes(this.#store, Date.now(), LOOP.parallelPushes)
      if (settled === 0 && nodes.length === 0) break
      await Promise.all(nodes.map((node) => this.#push(node)))
    }
    const due = this.#hasWork() ? (nextPushMs(this.#store) ?? 0) : undefined
    if (due !== undefined) await this.ctx.storage.setAlarm(Math.max(due, Date.now() + 10))
  }

  /** Sends a node its config and books the answer; a failure is booked too, never thrown. */
  #push(node: string): Promise<void> {
    const underWay = this.#pushing.get(node)
    if (underWay !== undefined) return underWay
    const push = this.#send(node).finally(() => this.#pushing.delete(node))
    this.#pushing.set(node, push)
    return push
  }

  async #send(node: string): Promise<void> {
    const row = this.#store.node(node)
    if (row === undefined) return
    const config = nodeConfig(this.#store, row)
    let timer: ReturnType<typeof setTimeout> | null = null
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer in time')), LOOP.pushTimeoutMs)
      })
      const stub = this.env.NODES.getByName(node)
      const answer = await Promise.race([stub.configure(config), late])
      acceptAnswer(this.#store, node, answer, Date.now())
    } catch (error) {
      acceptSilence(this.#store, node, error instanceof Error ? error.message : String(error), Date.now())
    } finally {
      if (timer !== null) clearTimeout(timer)
    }
  }

  /**
   * A route is handed out for the first request of a tenant: its node should know the tenant by then. Tenants
   * still unplaced are placed, and nodes that have not confirmed a config since are sent it once, at once.
   */
  async #readyToServe(read: () => readonly Route[]): Promise<void> {
    if (read().some((route) => route.node === undefined)) settleTenants(this.#store, Date.now())
    const waiting = new Set<string>()
    for (const { node } of read()) {
      if (node !== undefined && this.#neverTold(node)) waiting.add(node)
    }
    await Promise.all([...waiting].slice(0, LOOP.parallelPushes).map((node) => this.#push(node)))
  }

  #neverTold(node: string): boolean {
    const row = this.#store.node(node)
    return row !== undefined && row.acked_generation < row.config_generation && row.push_attempts === 0
  }
}
