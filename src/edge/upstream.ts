import { serviceOf } from '../config.ts'
import { checkOrigin } from '../core/origin.ts'
import type { RequestTarget } from '../core/request-path.ts'
import { failure } from './answers.ts'
import { BodyError, declaredLength, passBody } from './body.ts'
import { echo } from './echo.ts'
import { finish } from './finish.ts'
import { onwardHeaders } from './headers.ts'
import type { Isolate, Visit } from './isolate.ts'
import type { Meter } from './meter.ts'
import { relay } from './socket.ts'

/** Sends an admitted request to the origin of the tenant's node; the answer passes by the meter. */
export function forward(isolate: Isolate, visit: Visit, meter: Meter): Response | Promise<Response> {
  const { upstream } = meter.known.route
  if ('echo' in upstream) return echo(visit, meter)
  if ('service' in upstream) {
    const service = serviceOf(visit.env, upstream.service)
    if (service === undefined) {
      return failure(502, 'no-upstream', 'the service that is this origin is not bound')
    }
    const { target } = visit
    return exchange(isolate, visit, meter, service, `http://${target.host}${target.path}${target.search}`)
  }
  const origin = checkOrigin(upstream.url, isolate.settings(visit.env).origins)
  if (!origin.ok) return failure(502, 'origin-not-allowed', 'the operator does not allow this origin')
  return exchange(isolate, visit, meter, globalThis, below(origin.value, visit.target))
}

/** The request's path below the origin's; set as a path, so that no path can name another host. */
function below(origin: URL, target: RequestTarget): string {
  const url = new URL(origin)
  url.pathname = (url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname) + target.path
  url.search = target.search
  return url.href
}

async function exchange(
  { limits }: Isolate,
  { request }: Visit,
  meter: Meter,
  service: Pick<Fetcher, 'fetch'>,
  url: string,
): Promise<Response> {
  const abort = new AbortController()
  let late = false
  let timer: ReturnType<typeof setTimeout> | null = null
  const startDeadline = () => {
    timer = setTimeout(() => {
      late = true
      abort.abort()
    }, limits.upstreamMs)
  }
  let fault: unknown
  const body =
    request.body === null
      ? null
      : passBody(request.body, {
          pass: (bytes) => meter.passIn(bytes),
          length: declaredLength(request.headers),
          maxBytes: limits.bodyBytes,
          idleMs: limits.bodyIdleMs,
          // The origin's time runs from when it has all of the request; the client's own idle time before.
          ended: (error) => {
            fault = error
            if (error === undefined) startDeadline()
            else abort.abort()
          },
        })
  if (body === null) startDeadline()
  const line = meter.account?.lease.line
  const sentAtMs = Date.now()
  try {
    const answer = await service.fetch(url, {
      method: request.method,
      headers: onwardHeaders(request.headers, meter.known.route.tenant),
      body,
      redirect: 'manual',
      signal: abort.signal,
    })
    line?.noteOrigin(answer.status >= 500 ? 'failed' : 'answered', Date.now() - sentAtMs)
    if (answer.webSocket !== null) return relay(answer, meter)
    return finish(answer, meter)
  } catch {
    // A body that the client did not deliver says nothing about the origin.
    if (fault === undefined) line?.noteOrigin(late ? 'timeout' : 'failed', Date.now() - sentAtMs)
    return whyNot(fault, late, limits.bodyBytes)
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}

function whyNot(fault: unknown, late: boolean, bodyBytes: number): Response {
  if (fault instanceof BodyError) {
    return fault.code === 'too-large'
      ? failure(413, 'body-too-large', `a body may have at most ${bodyBytes} bytes`)
      : failure(408, 'body-too-slow', 'the body did not arrive in time')
  }
  if (late) return failure(504, 'upstream-timeout', 'the origin did not answer in time')
  return failure(502, 'upstream-failed', 'the origin could not be reached')
}
