import { COORDINATOR_NAME, type EdgeEnv, type Limits } from '../config.ts'
import type { HostRoutes, Route } from '../core/control.ts'
import type { Moved } from '../core/messages.ts'
import type { RequestTarget } from '../core/request-path.ts'
import { failure, unavailable } from './answers.ts'
import { Directory } from './directory.ts'
import { type Identity, identify } from './identify.ts'
import { KEY_HEADER, KeyHasher } from './keys.ts'
import type { KnownRoute } from './known-route.ts'
import type { Execution } from './refill.ts'
import { sleep } from './sleep.ts'

type Found = KnownRoute | Response
/** Where a route is looked up: by host name, or, in library use, by the name of its tenant. */
type Book = 'host' | 'tenant'

/** A question under way: since when, and who is told when it is answered. */
interface Question {
  readonly sinceMs: number
  readonly waiters: (() => void)[]
}

/** A pause is made up for by so many seconds' names at once. */
const UNKNOWN_BURST_SECONDS = 4
/** Most requests that wait for the answer about one name. */
const MAX_WAITERS = 1_000

/** Finds whose a request is: from what the isolate remembers, else from the coordinator. */
export class Finder {
  readonly #limits: Limits
  readonly #directories: Readonly<Record<Book, Directory>>
  readonly #hasher = new KeyHasher()
  /** The questions to the coordinator that are under way. */
  readonly #asking = new Map<string, Question>()
  /** Names nobody claims that may still be asked for, and when this was counted. */
  #allowance: number
  #allowanceAtMs = 0

  constructor(limits: Limits) {
    this.#limits = limits
    this.#allowance = UNKNOWN_BURST_SECONDS * limits.unknownPerSecond
    this.#directories = { host: new Directory(limits), tenant: new Directory(limits) }
  }

  /** By the request's host, path and key; at once where everything is remembered. */
  byRequest(
    target: RequestTarget,
    request: Request,
    env: EdgeEnv,
    execution: Execution,
    nowMs: number,
  ): Found | Promise<Found> {
    const lookup = this.#lookup('host', target.host, env, execution, nowMs)
    if (lookup === undefined)
      return this.#ask('host', target.host, env, execution, (it) => this.#who(it, target, request))
    return lookup instanceof Response ? lookup : this.#who(lookup, target, request)
  }

  /** By the name of a tenant that a function of the application gave. */
  byTenant(tenant: string, env: EdgeEnv, execution: Execution, nowMs: number): Found | Promise<Found> {
    const lookup = this.#lookup('tenant', tenant, env, execution, nowMs)
    if (lookup === undefined) return this.#ask('tenant', tenant, env, execution, ([only]) => only!)
    return lookup instanceof Response ? lookup : lookup[0]!
  }

  /** Reads anew where tenants live now, and forgets their routes. */
  async whereabouts(moved: readonly Moved[], env: EdgeEnv) {
    const found = []
    for (const { tenant } of moved) {
      const route = await coordinatorOf(env).resolveTenant(tenant)
      for (const host of route?.policy.hosts ?? []) this.#directories.host.forget(host)
      this.#directories.tenant.forget(tenant)
      if (route?.node !== undefined) found.push({ tenant, node: route.node, epoch: route.epoch })
    }
    return found
  }

  /** Has a route that was read before then read again by the next request that uses it; until then it is used on. */
  expire(route: Route, readBeforeMs?: number): void {
    for (const host of route.policy.hosts) this.#directories.host.expire(host, readBeforeMs)
    this.#directories.tenant.expire(route.tenant, readBeforeMs)
  }

  /** @returns undefined when the coordinator must be asked. */
  #lookup(book: Book, name: string, env: EdgeEnv, execution: Execution, nowMs: number) {
    const directory = this.#directories[book]
    const lookup = directory.lookup(name, nowMs)
    if (lookup.kind === 'miss') return undefined
    if (lookup.kind === 'nobody') return nobody(book)
    if (lookup.stale && directory.beginRefresh(name)) execution.waitUntil(this.#refresh(book, name, env))
    return lookup.routes
  }

  /** One request asks for a name, under `waitUntil`; the others of that name wait to be told, with timers of their own. */
  async #ask(
    book: Book,
    name: string,
    env: EdgeEnv,
    execution: Execution,
    pick: (routes: readonly KnownRoute[]) => Found | Promise<Found>,
  ): Promise<Found> {
    const nowMs = Date.now()
    const key = `${book}:${name}`
    const question = this.#asking.get(key)
    if (question !== undefined && nowMs - question.sinceMs <= this.#limits.messageMs) {
      if (question.waiters.length >= MAX_WAITERS) return busy()
      const told = Promise.withResolvers<void>()
      question.waiters.push(told.resolve)
      const pause = sleep(this.#limits.messageMs)
      await Promise.race([told.promise, pause.done])
      pause.cancel()
    } else {
      if (!this.#mayAsk(nowMs)) return busy()
      const asked = this.#learn(book, name, key, env, nowMs)
      execution.waitUntil(asked)
      await asked
    }
    const lookup = this.#directories[book].lookup(name, Date.now())
    if (lookup.kind === 'known') return pick(lookup.routes)
    if (lookup.kind === 'nobody') return nobody(book)
    return unavailable(
      'no-directory',
      'the coordinator does not answer and this name is not known yet',
      1_000,
    )
  }

  async #learn(book: Book, name: string, key: string, env: EdgeEnv, nowMs: number): Promise<void> {
    const question: Question = { sinceMs: nowMs, waiters: [] }
    this.#asking.set(key, question)
    try {
      const answer = await this.#resolve(book, name, env)
      if (answer === null) this.#allowance--
      this.#directories[book].learn(name, answer, Date.now())
    } catch (error) {
      console.error(error)
    } finally {
      if (this.#asking.get(key) === question) this.#asking.delete(key)
      for (const tell of question.waiters) tell()
    }
  }

  /**
   * Invented names must not keep the coordinator busy: only names nobody claims count, so that an isolate that
   * starts may read all its tenants. Who asked may be gone with its request: its place is free after a while.
   */
  #mayAsk(nowMs: number): boolean {
    const { unknownPerSecond } = this.#limits
    const earned = (Math.max(0, nowMs - this.#allowanceAtMs) * unknownPerSecond) / 1_000
    this.#allowance = Math.min(UNKNOWN_BURST_SECONDS * unknownPerSecond, this.#allowance + earned)
    this.#allowanceAtMs = nowMs
    if (this.#allowance < 1) return false
    if (this.#asking.size < this.#limits.lookups) return true
    for (const [key, { sinceMs }] of this.#asking) {
      if (nowMs - sinceMs <= this.#limits.messageMs) break
      this.#asking.delete(key)
    }
    return this.#asking.size < this.#limits.lookups
  }

  async #refresh(book: Book, name: string, env: EdgeEnv): Promise<void> {
    const directory = this.#directories[book]
    try {
      directory.learn(name, await this.#resolve(book, name, env), Date.now())
    } catch {
      directory.failRefresh(name)
    }
  }

  async #resolve(book: Book, name: string, env: EdgeEnv): Promise<HostRoutes | null> {
    if (book === 'host') return coordinatorOf(env).resolveHost(name)
    const route = await coordinatorOf(env).resolveTenant(name)
    return route === null ? null : { host: name, routes: [route] }
  }

  #who(routes: readonly KnownRoute[], target: RequestTarget, request: Request): Found | Promise<Found> {
    if (routes.every(({ keys }) => keys.size === 0))
      return answerTo(identify(routes, target.guard, undefined))
    // Only now: what a request's headers are asked for the first time costs more than finding its tenant.
    const key = request.headers.get(KEY_HEADER)
    const hash = key === null ? undefined : this.#hasher.hash(key)
    if (hash instanceof Promise) return hash.then((it) => answerTo(identify(routes, target.guard, it)))
    return answerTo(identify(routes, target.guard, hash))
  }
}

function answerTo(identity: Identity): Found {
  if (typeof identity !== 'string') return identity
  if (identity === 'nobody') return failure(404, 'no-such-tenant', 'no tenant claims this path')
  const answer = failure(401, identity, `name a key of a tenant of this host in ${KEY_HEADER}`)
  answer.headers.set('WWW-Authenticate', `ApiKey header="${KEY_HEADER}"`)
  return answer
}

function busy(): Response {
  return unavailable('directory-busy', 'too many unknown names are being looked up', 1_000)
}

function nobody(book: Book): Response {
  const what = book === 'host' ? 'no tenant claims this host name' : 'there is no such tenant'
  return failure(404, 'no-such-tenant', what)
}

function coordinatorOf(env: EdgeEnv) {
  return env.COORDINATOR.get(env.COORDINATOR.idFromName(COORDINATOR_NAME))
}
