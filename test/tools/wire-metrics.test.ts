import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LocalStint } from '../../scripts/run/local.ts'

const PORT = 18_720
const ROOT = new URL('../../', import.meta.url)
const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: n }
spec: { capacity: 50, power: { idleWatts: 60, peakWatts: 160 } }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: t }
spec: { base: 20, hosts: [t.localhost], devices: [{ name: api, base: 5, match: { paths: [/api] } }] }
`

/** Debian's tool of the package prometheus. */
const hasPromtool = spawnSync('promtool', ['--version']).status === 0
if (!hasPromtool) console.warn('metrics and rules are not checked: no promtool (apt-get install prometheus)')

function promtool(args: string[], input = ''): string {
  const run = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return run.status === 0 ? 'ok' : `${run.stdout}${run.stderr}`
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string }[]
  }[]
}

describe('metrics of a running edge', () => {
  let stint: LocalStint
  let text = ''

  beforeAll(async () => {
    stint = await LocalStint.start(PORT, MANIFEST)
    for (let i = 0; i < 100; i++) await send(i % 4 === 0 ? '/api' : '/')
    await send('/', 'nobody.localhost')
    const headers = { authorization: `Bearer ${stint.token}` }
    const untilMs = Date.now() + 30_000
    // Watts need two looks at a node, and what was admitted arrives with a message.
    while (
      !/node_power_watts\{node="n"\} [\s\S]*admitted_total\{tenant="t"\} [1-9][\s\S]*device="api"\} [1-9]/.test(
        text,
      )
    ) {
      if (Date.now() > untilMs) throw new Error(`never complete: ${text}`)
      await new Promise((resolve) => setTimeout(resolve, 500))
      text = await (await fetch(`http://127.0.0.1:${PORT}/_stint/metrics`, { headers })).text()
    }
  })
  afterAll(() => stint.dispose())

  it('tell of the tenant, the node and the isolate', () => {
    expect(text).toMatch(/^stint_requests_refused_total\{tenant="t",reason="quota"\} \d+$/m)
    expect(text).toMatch(/^stint_node_up\{node="n"\} 1$/m)
    expect(text).toMatch(/^stint_isolate_messages_total [1-9]\d*$/m)
    const [, count] = /^stint_isolate_admission_seconds_count (\d+)$/m.exec(text)!
    expect(Number(count)).toBe(100)
    expect(text).toMatch(/^stint_isolate_refusals_total\{reason="unidentified"\} 1$/m)
    expect(text).toMatch(/^stint_device_base_tokens\{tenant="t",device="api"\} 5$/m)
    expect(text).toMatch(/^stint_device_base_tokens\{tenant="t",device="default"\} 15$/m)
    expect(text).toMatch(/^stint_device_requests_admitted_total\{tenant="t",device="api"\} [1-9]\d*$/m)
  })

  it('are asked for by the rules and the Grafana dashboard under names that exist', () => {
    const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
    const used = `${read('examples/alerts.yaml')}\n${read('examples/grafana-dashboard.json')}`
    const names = new Set(
      [...used.matchAll(/\bstint_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, '')),
    )
    expect(names.size).toBeGreaterThan(15)
    expect([...names].filter((name) => !known.has(name))).toEqual([])
  })

  describe.runIf(hasPromtool)('by promtool', () => {
    it('are well-formed and named by the conventions', () => {
      expect(promtool(['check', 'metrics'], text)).toBe('ok')
    })

    it('have alert rules without a fault', () => {
      expect(promtool(['check', 'rules', new URL('examples/alerts.yaml', ROOT).pathname])).toBe('ok')
    })

    it('have a Grafana dashboard whose queries are PromQL', () => {
      const { panels } = JSON.parse(read('examples/grafana-dashboard.json')) as Dashboard
      const rules = panels.flatMap(({ targets }, panel) =>
        targets.map(({ expr }, i) => ({
          record: `panel:${panel}:${i}`,
          expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$tenant', '.*'),
        })),
      )
      expect(rules.length).toBeGreaterThan(10)
      const folder = mkdtempSync(join(tmpdir(), 'stint-rules-'))
      const file = join(folder, 'rules.json')
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
      expect(promtool(['check', 'rules', file])).toBe('ok')
      rmSync(folder, { recursive: true })
    })
  })
})

/** One request, of the tenant unless told otherwise; fetch would not say another host. */
function send(path: string, host = 't.localhost'): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: PORT, path, headers: { host } }, (answer) => {
      answer.resume().once('end', resolve)
    })
    asked.once('error', reject).end()
  })
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}
