import { Hono } from 'hono'
import { type AdminEnv, type AdminHono, MAIN, MIN_SECRET_LENGTH } from './env.ts'

/** How long a verdict is told again, so that probes cannot flood the coordinator, and how long it may take, ms. */
const READY = { keepMs: 1_000, timeoutMs: 2_000 } as const

type Verdict = { readonly ready: boolean; readonly checks: Readonly<Record<string, string>> }

/**
 * `/_stint/healthz`: this isolate answers. `/_stint/readyz`: the coordinator answers it too, and the admin API
 * has a secret or Cloudflare Access. Neither needs a token nor tells anything about tenants.
 */
export function healthRoutes() {
  let last: { readonly verdict: Verdict; readonly atMs: number } | undefined
  return new Hono<AdminHono>()
    .get('/_stint/healthz', (c) => c.text('ok\n'))
    .get('/_stint/readyz', async (c) => {
      if (last === undefined || Date.now() - last.atMs >= READY.keepMs) {
        last = { verdict: await judge(c.env), atMs: Date.now() }
      }
      return c.json(last.verdict, last.verdict.ready ? 200 : 503)
    })
}

async function judge(env: AdminEnv): Promise<Verdict> {
  const coordinator = (await answers(env)) ? 'ok' : 'does not answer'
  const secret =
    (env.STINT_ADMIN_TOKEN ?? '').length >= MIN_SECRET_LENGTH || (env.STINT_ACCESS_AUD ?? '') !== ''
      ? 'ok'
      : 'is not configured'
  return { ready: coordinator === 'ok' && secret === 'ok', checks: { coordinator, secret } }
}

async function answers(env: AdminEnv): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READY.timeoutMs)
  })
  try {
    const asked = env.COORDINATOR.getByName(MAIN).revision()
    return await Promise.race([asked.then(() => true), late])
  } catch {
    return false
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}
