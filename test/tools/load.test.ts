import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { parseCommand } from '../../scripts/load/arguments.ts'
import { drawArrivals, seededRandom } from '../../scripts/load/arrivals.ts'
import { runLoad, UnreachableError } from '../../scripts/load/run.ts'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(answer)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closedPort(): Promise<number> {
  const port = await serve(() => {})
  const server = servers.pop()!
  server.close()
  await once(server, 'close')
  return port
}

describe('arrivals', () => {
  it('come evenly: as many in every second as the rate says, none clustered', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        (rate, seconds, seed) => {
          const times = drawArrivals(rate, seconds, 'even', seededRandom(seed, 'a'))
          expect(Math.abs(times.length - rate * seconds)).toBeLessThanOrEqual(1)
          for (let i = 1; i < times.length; i++)
            expect(times[i]! - times[i - 1]!).toBeCloseTo(1_000 / rate, 6)
          expect(times[0]).toBeGreaterThanOrEqual(0)
          expect(times.at(-1)).toBeLessThan(seconds * 1_000)
        },
      ),
    )
  })

  it('come at random: the mean and the spread of a Poisson process', () => {
    const times = drawArrivals(100, 200, 'poisson', seededRandom(7, 'a'))
    expect(times.length).toBeGreaterThan(20_000 - 4 * Math.sqrt(20_000))
    expect(times.length).toBeLessThan(20_000 + 4 * Math.sqrt(20_000))
    const perSecond = new Array<number>(200).fill(0)
    for (const at of times) perSecond[Math.floor(at / 1_000)]!++
    const mean = times.length / 200
    const variance = perSecond.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 200
    expect(variance / mean).toBeGreaterThan(0.7)
    expect(variance / mean).toBeLessThan(1.4)
    expect([...times]).toEqual([...times].sort((a, b) => a - b))
  })

  it('are the same for the same seed and differ by seed and tenant', () => {
    const draw = (seed: number, name: string) => [...drawArrivals(50, 1, 'poisson', seededRandom(seed, name))]
    expect(draw(1, 'a')).toEqual(draw(1, 'a'))
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'))
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'))
  })

  it('of rate 0 are none', () => {
    expect(drawArrivals(0, 10, 'even', seededRandom(1, 'a')).length).toBe(0)
    expect(drawArrivals(0, 10, 'poisson', seededRandom(1, 'a')).length).toBe(0)
  })
})

describe('a run', () => {
  it('counts what each tenant was answered', async () => {
    const seen = new Map<string, number>()
    const port = await serve((request, response) => {
      const host = request.headers.host ?? ''
      const count = (seen.get(host) ?? 0) + 1
      seen.set(host, count)
      if (host === 'refused.localhost') response.writeHead(count % 2 === 0 ? 429 : 503)
      else if (host === 'broken.localhost') {
        if (count % 2 === 0) return request.socket.destroy()
        response.writeHead(500)
      } else if (count % 4 === 0) response.setHeader('Stint-Borrowed', '1')
      response.end('x')
    })
    const names = ['good', 'refused', 'broken']
    const tenants = [...names.map((name) => ({ name, perSecond: 40 })), { name: 'idle', perSecond: 0 }]
    const result = await runLoad({ tenants, seconds: 0.5, port })
    const rows = result.tenants.map(({ p50Ms, p99Ms, ...counts }) => {
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms)
      expect(p50Ms > 0).toBe(counts.admitted > 0)
      return counts
    })
    const none = { admitted: 0, refused: 0, failed: 0, borrowed: 0, admittedPerSecond: 0 }
    expect(rows).toEqual([
      { ...none, name: 'good', offered: 20, admitted: 20, borrowed: 5, admittedPerSecond: 40 },
      { ...none, name: 'refused', offered: 20, refused: 20 },
      { ...none, name: 'broken', offered: 20, failed: 20 },
      { ...none, name: 'idle', offered: 0 },
    ])
    expect(result.failures.map(({ reason }) => reason)).toContain('status 500')
    expect(seen.get('good.localhost')).toBe(20)
    expect(seen.has('idle.localhost')).toBe(false)
  })

  it('counts latency from the intended start: one slow connection delays all behind it', async () => {
    // 40/s over one connection that takes 50 ms each: half the rate. Measured from the sending every request takes
    // 50 ms; from the intended start the last of 40 waits a second.
    const port = await serve((_, response) => setTimeout(() => response.end(), 50))
    const tenants = [{ name: 'a', perSecond: 40 }]
    const [row] = (await runLoad({ tenants, seconds: 1, port, connections: 1 })).tenants
    expect(row).toMatchObject({ offered: 40, admitted: 40 })
    expect(row!.p99Ms).toBeGreaterThan(800)
    expect(row!.p50Ms).toBeGreaterThan(300)
  })

  it('goes on offering while the server stalls', async () => {
    let stalled = 0
    const port = await serve((_, response) => {
      stalled++
      if (stalled === 40) for (const open of waiting.splice(0)) open.end()
      if (stalled < 40) waiting.push(response)
      else response.end()
    })
    const waiting: ServerResponse[] = []
    const [row] = (await runLoad({ tenants: [{ name: 'a', perSecond: 80 }], seconds: 0.5, port })).tenants
    expect(row).toMatchObject({ offered: 40, admitted: 40, failed: 0 })
  })

  it('ends although the server never answers', async () => {
    const port = await serve(() => {})
    const tenants = [{ name: 'a', perSecond: 20 }]
    const result = await runLoad({ tenants, seconds: 0.5, port, timeoutMs: 100 })
    expect(result.tenants).toMatchObject([{ offered: 10, admitted: 0, failed: 10 }])
    expect(result.failures).toEqual([{ name: 'a', reason: 'no answer in time', count: 10 }])
  })

  it('counts latency from the intended start also where the generator itself was late', async () => {
    // The server shares this thread: it holds up both for 700 of 1 000 ms, and 70 of 100 requests start late.
    let count = 0
    const port = await serve((_, response) => {
      if (++count === 10) for (const untilMs = performance.now() + 700; performance.now() < untilMs; );
      response.end()
    })
    const [row] = (await runLoad({ tenants: [{ name: 'a', perSecond: 100 }], seconds: 1, port })).tenants
    expect(row).toMatchObject({ offered: 100, admitted: 100 })
    expect(row!.p50Ms).toBeGreaterThan(100)
  })

  it('takes up once a request whose idle connection the server closed', async () => {
    const served = new WeakSet<object>()
    let closed = 0
    const port = await serve((request, response) => {
      if (served.has(request.socket) && closed++ === 0) return request.socket.destroy()
      served.add(request.socket)
      response.end('x')
    })
    const [row] = (await runLoad({ tenants: [{ name: 'a', perSecond: 40 }], seconds: 0.5, port })).tenants
    expect(closed).toBeGreaterThan(0)
    expect(row).toMatchObject({ offered: 20, admitted: 20, failed: 0 })
  })

  it('can be stopped and then tells what it has', async () => {
    const stop = new AbortController()
    const port = await serve((_, response) => response.end('x'))
    let reports = 0
    const result = await runLoad(
      { tenants: [{ name: 'a', perSecond: 100 }], seconds: 60, port },
      stop.signal,
      () => {
        if (++reports === 2) stop.abort()
      },
    )
    expect(result.seconds).toBeGreaterThan(1.5)
    expect(result.seconds).toBeLessThan(30)
    expect(result.tenants[0]!.offered).toBeGreaterThan(100)
    expect(result.tenants[0]).toMatchObject({ failed: 0 })
  })

  it('says so if nothing listens', async () => {
    const port = await closedPort()
    await expect(runLoad({ tenants: [], seconds: 1, port })).rejects.toThrow(UnreachableError)
  })
})

describe('the command line', () => {
  it('has defaults', () => {
    expect(parseCommand(['--tenant', 'beta=400', '--tenant', 'gamma=0'])).toEqual({
      ok: true,
      value: {
        json: false,
        load: {
          tenants: [
            { name: 'beta', perSecond: 400 },
            { name: 'gamma', perSecond: 0 },
          ],
          seconds: 10,
          port: 8787,
          seed: 1,
          arrivals: 'even',
          hostSuffix: 'localhost',
          path: '/',
          connections: 256,
        },
      },
    })
  })

  it.each([
    [[], /at least one --tenant/],
    [['--tenant', 'beta'], /the rate must be a number .* got ""/],
    [['--tenant', 'beta='], /the rate must be/],
    [['--tenant', 'beta=-1'], /the rate must be/],
    [['--tenant', 'beta=NaN'], /the rate must be/],
    [['--tenant', 'beta=Infinity'], /the rate must be/],
    [['--tenant', 'be ta=1'], /the name must not contain " "/],
    [['--tenant', '=1'], /the name must not be empty/],
    [['--tenant', 'a=1', '--tenant', 'a=2'], /named once/],
    [['--tenant', 'a=1', '--seconds', '0'], /--seconds must be/],
    [['--tenant', 'a=1', '--port', '65536'], /--port must be a whole number/],
    [['--tenant', 'a=1', '--port', ''], /--port must be/],
    [['--tenant', 'a=1', '--arrivals', 'odd'], /even or poisson/],
    [['--tenant', 'a=1', '--path', 'x'], /--path/],
    [['--tenant', 'a=1', '--host-suffix', 'a b'], /--host-suffix must be ASCII/],
    [['--tenant', 'a=1000000', '--seconds', '3600'], /at most 20000000 requests/],
    [['--tenants', 'a=1'], /--tenants/],
  ])('refuses %j with one line', (args, fault) => {
    const command = parseCommand(args)
    expect(command).toEqual({ ok: false, error: expect.stringMatching(fault) })
    expect(command.ok ? '' : command.error).not.toContain('\n')
  })
})

describe('the program', () => {
  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [fileURLToPath(new URL('../../scripts/load.ts', import.meta.url)), ...args])

  async function outputOf(child: ChildProcess): Promise<{ code: number | null; out: string; log: string }> {
    let out = ''
    let log = ''
    child.stdout!.on('data', (chunk) => {
      out += chunk
    })
    child.stderr!.on('data', (chunk) => {
      log += chunk
    })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out, log }
  }

  it('prints a table, or nothing but JSON on stdout', async () => {
    const port = await serve((_, response) => response.end('x'))
    const args = ['--port', String(port), '--tenant', 'a=20', '--tenant', 'b=0', '--seconds', '0.5']
    const table = await outputOf(start(...args))
    expect(table.code).toBe(0)
    expect(
      table.out
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/).slice(0, 4)),
    ).toEqual([
      ['tenant', 'offered', 'admitted', 'refused'],
      ['a', '10', '10', '0'],
      ['b', '0', '0', '0'],
    ])
    const json = await outputOf(start(...args, '--json'))
    const { tenants } = JSON.parse(json.out) as { tenants: object[] }
    const keys = [
      'name',
      'offered',
      'admitted',
      'refused',
      'failed',
      'borrowed',
      'admittedPerSecond',
      'p50Ms',
      'p99Ms',
    ]
    expect(tenants.map(Object.keys)).toEqual([keys, keys])
  })

  it('prints what it has on Ctrl-C', async () => {
    const port = await serve((_, response) => response.end('x'))
    const child = start('--port', String(port), '--tenant', 'a=50', '--seconds', '60')
    child.stderr!.once('data', () => child.kill('SIGINT'))
    const { code, out, log } = await outputOf(child)
    expect(code).toBe(0)
    expect(log).toMatch(/stopped after [\d.]+ s/)
    expect(Number(/^a +(\d+)/m.exec(out)?.[1])).toBeGreaterThan(0)
  })

  it('ends with 1 and one clear line if nothing listens, or the call is wrong', async () => {
    const port = await closedPort()
    const refused = await outputOf(start('--port', String(port), '--tenant', 'a=1'))
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.log).toMatch(
      /^load: nothing answers on 127\.0\.0\.1:\d+ \(ECONNREFUSED\); start the edge.*\n$/,
    )
    const wrong = await outputOf(start('--tenant', 'a'))
    expect(wrong).toMatchObject({ code: 1, out: '' })
    expect(wrong.log).toMatch(/^load: --tenant "a"/)
  })
})
