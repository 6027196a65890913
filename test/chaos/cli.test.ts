import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildWorker } from '../../scripts/build.ts'
import { type RunningWorkerd, startWorkerd } from '../../scripts/run/workerd.ts'
import { runCli } from '../../scripts/stint/program.ts'

const PORT = 18_472
const TOKEN = 'secret-of-the-chaos-tests-0123456789'

let folder = ''
let running: RunningWorkerd | undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stint-cli-'))
  const built = await buildWorker()
  const vars = { STINT_ADMIN_TOKEN: TOKEN, STINT_REPORT_MS: '1000' }
  running = await startWorkerd({ built, port: PORT, stateFolder: join(folder, 'state'), vars })
})

afterAll(async () => {
  await running?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function stint(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const streams = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
    interactive: false,
  }
  const env = { STINT_URL: `http://127.0.0.1:${PORT}`, STINT_TOKEN: TOKEN }
  const code = await runCli(args, env, streams)
  return { code, out, err }
}

const doc = (kind: string, name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'stint/v1', kind, metadata: { name }, spec })
const node = (name: string, zone: string) => doc('Node', name, { capacity: 400, zone })
const tenant = (name: string, spec: object) => doc('Tenant', name, { hosts: [`${name}.example`], ...spec })

function file(name: string, documents: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, documents.join('\n---\n'))
  return path
}

/** Keeps `count` requests of a tenant under way until it is told to stop. */
function load(name: string, count: number) {
  const answers: { atMs: number; status: number }[] = []
  let on = true
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const options = { host: '127.0.0.1', port: PORT, path: '/', headers: { host: `${name}.example` } }
      const request = get(options, (answer) => {
        answer.resume()
        answer.once('end', () => {
          answers.push({ atMs: Date.now(), status: answer.statusCode ?? 0 })
          resolve()
        })
      })
      request.once('error', () => {
        answers.push({ atMs: Date.now(), status: 0 })
        resolve()
      })
    })
  const worker = async () => {
    while (on) {
      await one()
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
  }
  const workers = Array.from({ length: count }, worker)
  return {
    answers,
    /** Requests admitted per second between two times. */
    rate: (fromMs: number, toMs: number) =>
      (answers.filter((it) => it.status === 200 && it.atMs >= fromMs && it.atMs < toMs).length * 1_000) /
      (toMs - fromMs),
    stop: async () => {
      on = false
      await Promise.all(workers)
    },
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('with the command line alone', () => {
  const nodes = [node('cli-1', 'west'), node('cli-2', 'west'), node('cli-3', 'east')]
  const tenants = (firstBase: number, priority: number) => [
    tenant('t01', { base: firstBase, priority, node: 'cli-1', borrows: false }),
    tenant('t02', { base: 60, node: 'cli-1', borrows: false }),
    ...Array.from({ length: 10 }, (_, i) =>
      tenant(`t${i + 10}`, { base: 20, zones: i === 0 ? ['east'] : [] }),
    ),
  ]

  it('three nodes and twelve tenants are applied, shown, and not changed by the same file', async () => {
    const all = file('all.yaml', [...nodes, ...tenants(20, 4)])
    const first = await stint('apply', '-f', all)
    expect(first).toMatchObject({ code: 0, err: '' })
    expect(first.out).toContain('15 created, 0 changed, 0 deleted, 0 unchanged')
    expect((await stint('diff', '-f', all)).code).toBe(0)
    expect((await stint('apply', '-f', all)).out).toBe('0 created, 0 changed, 0 deleted, 15 unchanged\n')
    const list = (await stint('get', 'tenants')).out.trim().split('\n')
    expect(list).toHaveLength(13)
    expect(list.every((line) => /PHASE|Ready/.test(line))).toBe(true)
    const east = JSON.parse((await stint('get', 'tenant/t10', '-o', 'json')).out) as {
      status: { node: string }
    }
    expect(east.status.node).toBe('cli-3')
  })

  it('a tenant’s share follows its new base within two seconds under load, and its neighbour’s does not', async () => {
    const changed = file('changed.yaml', tenants(80, 1))
    const [one, two] = [load('t01', 8), load('t02', 8)]
    await sleep(4_000)
    expect((await stint('diff', '-f', changed)).out).toMatch(/- +base: 20\n[\s\S]*\+ +base: 80/)
    const beganMs = Date.now()
    const before = { one: one.rate(beganMs - 2_000, beganMs), two: two.rate(beganMs - 2_000, beganMs) }
    expect((await stint('apply', '-f', changed)).code).toBe(0)
    await sleep(5_000)
    const nowMs = Date.now()
    const after = { one: one.rate(beganMs + 2_000, nowMs), two: two.rate(beganMs + 2_000, nowMs) }
    const meanwhile = two.rate(beganMs, beganMs + 2_000)
    await Promise.all([one.stop(), two.stop()])
    const rates = { before, after, neighbourMeanwhile: meanwhile }
    console.log('admitted per second, t01 from base 20 to 80, t02 at 60:', rates)
    expect(before.one).toBeLessThan(30)
    expect(after.one).toBeGreaterThan(before.one * 2)
    expect(after.two).toBeGreaterThan(before.two * 0.7)
    expect(two.answers.filter((it) => it.status !== 200 && it.status !== 429)).toEqual([])
  })

  it('a node comes, a tenant goes, and every step is in the journal', async () => {
    expect((await stint('apply', '-f', file('more.yaml', [node('cli-4', 'east')]))).code).toBe(0)
    expect((await stint('cordon', 'cli-4')).out).toContain('cordoned')
    expect((await stint('uncordon', 'cli-4')).code).toBe(0)
    expect((await stint('delete', 'tenant/t11')).out).toBe('tenant/t11 deleted\n')
    const { out } = await stint('events', '--limit', '200')
    for (const step of [
      'node/cli-1  Created',
      'tenant/t01  Placed: on cli-1 at epoch 1',
      'tenant/t01  Changed: base 80 tokens/s, priority 1 (by root)',
      'node/cli-4  Created',
      'node/cli-4  Cordoned',
      'node/cli-4  Uncordoned',
      'tenant/t11  Deleted',
    ]) {
      expect(out).toContain(step)
    }
  })

  it('a tenant’s devices are shown, split anew by its own token, and told of in its usage', async () => {
    const devices = [
      { name: 'api', base: 6, match: { paths: ['/api'] } },
      { name: 'web', base: 2, match: { paths: ['/web'] } },
    ]
    const spec = { base: 10, devices }
    expect((await stint('apply', '-f', file('devices.yaml', [tenant('gadget', spec)]))).code).toBe(0)
    const bases = async () => {
      const { out } = await stint('get', 'devices', '-o', 'json')
      const items = JSON.parse(out) as { tenant: string; device: string; base: number }[]
      return Object.fromEntries(items.flatMap((it) => (it.tenant === 'gadget' ? [[it.device, it.base]] : [])))
    }
    await expect.poll(bases).toEqual({ api: 6, web: 2, default: 2 })
    expect((await stint('get', 'devices')).out).toMatch(/^gadget +api +6 /m)
    const described = (await stint('describe', 'tenant', 'gadget')).out
    expect(described).toMatch(/Devices:\nTENANT +DEVICE +BASE[^\n]*\ngadget +api +6 /)
    const made = await stint(
      'token',
      'create',
      '--tenant',
      'gadget',
      '--scope',
      'read',
      'devices',
      '-o',
      'json',
    )
    const env = { STINT_URL: `http://127.0.0.1:${PORT}`, STINT_TOKEN: JSON.parse(made.out).token as string }
    let [out, err] = ['', '']
    const streams = {
      out: (text: string) => {
        out += text
      },
      err: (text: string) => {
        err += text
      },
      interactive: false,
    }
    expect(await runCli(['devices', 'set', 'gadget', 'api=1', 'web=7'], env, streams), err).toBe(0)
    expect(out).toBe('tenant/gadget devices changed\n')
    await expect.poll(bases).toEqual({ api: 1, web: 7, default: 2 })
    expect(await runCli(['devices', 'set', 'gadget', 'api=9'], env, streams)).not.toBe(0)
    expect(await runCli(['devices', 'set', 't01', 'api=1'], env, streams)).toBe(3)
    expect((await stint('usage', 'gadget')).out).toMatch(/gadget\/web/)
  })

  it('a move that cannot be is refused with the reason, and nothing is changed', async () => {
    const document = doc('Tenant', 'mover', { base: 30 })
    expect((await stint('apply', '-f', file('mover.yaml', [document]))).code).toBe(0)
    const placed = async () => (await stint('get', 'tenant/mover', '-o', 'json')).out
    const home = async () => (JSON.parse(await placed()) as { status: { node: string } }).status.node
    await expect.poll(home, { timeout: 10_000 }).toMatch(/^cli-/)
    const from = await home()
    const small = doc('Node', 'cli-small', { capacity: 10 })
    expect((await stint('apply', '-f', file('small.yaml', [small]))).code).toBe(0)
    const to = from === 'cli-4' ? 'cli-3' : 'cli-4'
    expect((await stint('cordon', to)).code).toBe(0)
    const before = await placed()
    for (const [name, node, code, why] of [
      ['mover', from, 4, `is on node ${from} already`],
      ['mover', 'cli-9', 4, 'There is no node cli-9'],
      ['mover', to, 4, `Node ${to} is cordoned`],
      ['mover', 'cli-small', 4, 'no room for the guaranteed rate'],
      ['nobody', 'cli-4', 3, 'there is no tenant nobody'],
    ] as const) {
      const { code: exit, out, err } = await stint('migrate', name, '--to', node)
      expect({ exit, out, err }).toEqual({ exit: code, out: '', err: expect.stringContaining(why) })
    }
    expect(await placed()).toBe(before)
    expect((await stint('uncordon', to)).code).toBe(0)
    const twice = await Promise.all([1, 2].map(() => stint('migrate', 'mover', '--to', to)))
    expect(twice.map(({ code }) => code).sort()).toEqual([0, 4])
    expect(twice.find(({ code }) => code === 4)!.err).toMatch(/A migration of tenant mover is open|already/)
    expect(await home()).toBe(to)
    const { out } = await stint('get', 'migrations')
    expect(out.match(/mover:/g)).toHaveLength(1)
    const ended = async () => (await stint('describe', 'tenant', 'mover')).out
    await expect.poll(ended, { timeout: 10_000 }).toMatch(/ DONE +- *$/m)
    expect(await ended()).toMatch(
      new RegExp(`^mover:\\d+ +${from} +${to} +PREPARING +\\d+ ms +by request`, 'm'),
    )
    expect(await ended()).toMatch(new RegExp(`^mover:\\d+ +${from} +${to} +COMMITTED +\\d+ ms *$`, 'm'))
  })

  it('a move to a node that has failed is refused with the reason, and nothing is changed', async () => {
    // No service of this name is bound, so that the node’s probe of its origin fails.
    const health = { path: '/', intervalMs: 1_000, timeoutMs: 500, failureThreshold: 1 }
    const ill = doc('Node', 'cli-ill', { capacity: 400, origin: { service: 'absent' }, health })
    const sick = tenant('sick', { base: 20, node: 'cli-ill' })
    expect((await stint('apply', '-f', file('ill.yaml', [ill, sick]))).code).toBe(0)
    const requests = load('sick', 1)
    const phase = async () => (await stint('get', 'nodes')).out.match(/^cli-ill +(\w+)/m)?.[1]
    await expect.poll(phase, { timeout: 60_000, interval: 250 }).toBe('Failed')
    await requests.stop()
    const placed = async () => (await stint('get', 'tenant/t10', '-o', 'json')).out
    const before = await placed()
    expect(await stint('migrate', 't10', '--to', 'cli-ill')).toEqual({
      code: 4,
      out: '',
      err: expect.stringContaining('Node cli-ill has failed'),
    })
    expect(await placed()).toBe(before)
    expect((await stint('get', 'migrations')).out).not.toContain('t10:')
    expect((await stint('delete', 'tenant/sick')).code).toBe(0)
  })

  it('tokens are made, used and revoked', async () => {
    const made = JSON.parse((await stint('token', 'create', '--tenant', 't01', '-o', 'json')).out) as {
      id: string
      token: string
    }
    const streams = { out: () => {}, err: () => {}, interactive: false }
    const env = { STINT_URL: `http://127.0.0.1:${PORT}`, STINT_TOKEN: made.token }
    expect(await runCli(['usage', 't01'], env, streams)).toBe(0)
    expect(await runCli(['usage', 't02'], env, streams)).toBe(3)
    expect(await runCli(['get', 'nodes'], env, streams)).toBe(5)
    expect((await stint('token', 'revoke', made.id)).code).toBe(0)
    expect(await runCli(['usage', 't01'], env, streams)).toBe(5)
    expect((await stint('token', 'list')).out).toMatch(new RegExp(`${made.id}  tenant/t01 .* revoked`))
  })

  it('every kind of failure has its exit code', async () => {
    expect((await stint('frobnicate')).code).toBe(2)
    expect((await stint('get', 'colours')).code).toBe(2)
    expect((await stint('apply', '-f', join(folder, 'missing.yaml'))).code).toBe(2)
    expect((await stint('apply', '-f', file('bad.yaml', ['kind: Node']))).err).toMatch(
      /bad\.yaml: document 1/,
    )
    expect((await stint('get', 'tenant', 'nobody')).code).toBe(3)
    expect((await stint('delete', 'node/cli-1')).code).toBe(4)
    const env = { STINT_URL: 'http://127.0.0.1:9', STINT_TOKEN: TOKEN }
    const streams = { out: () => {}, err: () => {}, interactive: false }
    expect(await runCli(['version'], env, streams)).toBe(6)
    expect(await runCli(['version'], { STINT_URL: env.STINT_URL }, streams)).toBe(5)
    expect((await stint('diff', '-f', file('other.yaml', tenants(81, 1)))).code).toBe(1)
    expect((await stint('--help')).code).toBe(0)
  })
})
