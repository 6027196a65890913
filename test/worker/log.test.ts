import { afterEach, describe, expect, it, vi } from 'vitest'
import { onwardHeaders } from '../../src/edge/headers.ts'
import { API, adminOf, ROOT, tenant } from './admin-client.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the log', () => {
  it('has one line for a write, with the id the answer carries and the trace, and no secret', async () => {
    const call = adminOf('log', { STINT_ADMIN_TOKEN: ROOT, STINT_LOG: 'all' })
    const lines: string[] = []
    vi.spyOn(console, 'log').mockImplementation((line) => lines.push(String(line)))
    const headers = { 'if-none-match': '*', traceparent: TRACEPARENT }
    const json = tenant('log-t', { base: 1, hosts: ['log.test'] })
    const answer = await call(`${API}/tenants/log-t?x=secret`, { method: 'PUT', json, headers })
    await call(`${API}/tenants`)
    expect(lines.length).toBe(1)
    const line = JSON.parse(lines[0]!)
    expect(line).toMatchObject({
      level: 'info',
      method: 'PUT',
      status: answer.status,
      actor: 'root',
      traceId: TRACE,
    })
    expect(line.requestId).toBe(answer.headers.get('x-request-id'))
    expect(lines[0]).not.toMatch(/secret/)
  })

  it('believes no id and no trace that is not one', async () => {
    const call = adminOf('log', { STINT_ADMIN_TOKEN: ROOT, STINT_LOG: 'all' })
    const lines: string[] = []
    vi.spyOn(console, 'log').mockImplementation((line) => lines.push(String(line)))
    const headers = { 'cf-ray': 'a"b c', traceparent: 'x"}' }
    const answer = await call(`${API}/nodes/none/cordon`, { method: 'POST', headers })
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(JSON.parse(lines[0]!)).not.toHaveProperty('traceId')
  })
})

describe('trace context', () => {
  it('is passed on to the origin as it came', () => {
    const from = new Headers({ traceparent: TRACEPARENT, tracestate: 'a=1,b=2' })
    const onward = onwardHeaders(from, 't')
    expect(onward.get('traceparent')).toBe(TRACEPARENT)
    expect(onward.get('tracestate')).toBe('a=1,b=2')
  })
})
