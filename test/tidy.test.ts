import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAX_LINES, RULES } from './tidy/rules.ts'
import { codeOf, importsOf } from './tidy/source.ts'

const ROOT = new URL('../', import.meta.url)
const TEXT = /\.(?:[cm]?[jt]sx?|json|ya?ml|toml|md|html|css)$/

/** Every text of the repository. */
function repository(): Map<string, string> {
  const files = new Map<string, string>()
  const folders = ['src', 'scripts', 'test', 'docs', 'examples', '.ci']
  const names = folders.flatMap((folder) => {
    try {
      return readdirSync(new URL(`${folder}/`, ROOT), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => `${entry.parentPath.replaceAll('\\', '/').replace(/\/$/, '')}/${entry.name}`)
    } catch {
      return [] // a folder that is not there yet
    }
  })
  const root = decodeURIComponent(ROOT.pathname)
  for (const name of names) if (TEXT.test(name)) files.set(name.replace(root, ''), readFileSync(name, 'utf8'))
  for (const entry of readdirSync(ROOT, { withFileTypes: true })) {
    if (entry.isFile() && TEXT.test(entry.name))
      files.set(entry.name, readFileSync(new URL(entry.name, ROOT), 'utf8'))
  }
  return files
}

describe('the repository', () => {
  const files = repository()

  it('was read', () => {
    for (const path of [
      'src/core/name.ts',
      'scripts/load.ts',
      'test/tidy.test.ts',
      'package.json',
      'package-lock.json',
    ]) {
      expect(files.get(path)?.length).toBeGreaterThan(0)
    }
  })

  for (const [name, rule] of Object.entries(RULES)) {
    it(name, () => expect(rule(files)).toEqual([]))
  }
})

const DOC = '/** x */\n'
// Put together here, so that this file itself breaks no rule.
const HOME = ['', 'home', 'me'].join('/')
const MARK = ['TO', 'DO'].join('')

describe('each rule bites', () => {
  const broken: [rule: string, path: string, text: string, problem: RegExp][] = [
    [
      'imports point one way',
      'src/core/a.ts',
      "import { x } from '../edge/x.ts'",
      /core\/a\.ts:1: .* src\/edge\/x\.ts/,
    ],
    ['imports point one way', 'src/core/a.ts', "import '../config.ts'", /src\/config\.ts/],
    ['imports point one way', 'src/core/planner/a.ts', "export * from '../../node/x.ts'", /src\/node/],
    [
      'imports point one way',
      'src/edge/a.ts',
      "\nimport type { X } from '../node/x.ts'",
      /edge\/a\.ts:2: .*src\/node/,
    ],
    ['imports point one way', 'src/edge/a.ts', "import { x } from '../worker.ts'", /src\/worker/],
    [
      'imports point one way',
      'src/admin/a.ts',
      "const x = await import('../dashboard/x.ts')",
      /src\/dashboard/,
    ],
    ['imports point one way', 'src/worker.ts', "import { x } from '../scripts/x.ts'", /scripts/],
    ['imports point one way', 'src/config.ts', "import { x } from './edge/x.ts'", /src\/edge/],
    ...[
      'Date.now()',
      'new Date()',
      'performance.now()',
      'Math.random()',
      'Math . random()',
      'fetch(u)',
      'console.log(1)',
    ].map((code): [string, string, string, RegExp] => [
      'the core is pure',
      'src/core/a.ts',
      `f(\n${code})`,
      /a\.ts:2: .* is banned/,
    ]),
    ...[
      'async () => 1',
      'await x',
      'Promise.all(x)',
      'setTimeout(f)',
      'crypto.x',
      'process.env',
      'globalThis.x',
    ].map((code): [string, string, string, RegExp] => [
      'the core is pure',
      'src/core/a.ts',
      `f = ${code}`,
      /is banned/,
    ]),
    ['the core is pure', 'src/core/a.ts', `f(\`a \${Date.now()} b\`)`, /Date is banned/],
    ['the core is pure', 'src/core/a.ts', 'const x = a / 2; Date.now(); b / 3', /Date is banned/],
    ['the core is pure', 'src/core/a.ts', 'function f(): Promise<number> {\n}', /Promise is banned/],
    ['the core is pure', 'src/core/a.ts', 'const x: () => Promise<number> = y', /Promise is banned/],
    ['the core is pure', 'src/core/a.ts', "import { x } from 'node:fs'", /package node:fs/],
    ['the core is pure', 'src/core/a.ts', "import { z } from 'zod'", /package zod/],
    ['the core is pure', 'src/core/manifest/check.ts', "import { parse } from 'yaml'", /package yaml/],
    ['files are short', 'scripts/a.ts', 'x\n'.repeat(MAX_LINES + 1), /351 lines/],
    ['types are honest', 'src/edge/a.ts', 'const x = y as any', /as any/],
    ['types are honest', 'src/edge/a.ts', 'const x = y as unknown as X', /as unknown as/],
    ['types are honest', 'test/a.ts', `// @ts-${'ignore'}\nx`, /silence/],
    ['the core is documented', 'src/core/a.ts', 'export function f() {}', /export f needs/],
    ['the core is documented', 'src/core/a.ts', `${DOC}const a = 1\nexport class A {}`, /:3: export A needs/],
    ['the core is documented', 'src/core/a.ts', '// x\nexport type T = 1', /export T needs/],
    ['the core is documented', 'src/core/x/a.ts', 'export interface I {}', /export I needs/],
    ['no machine is named', 'README.md', `see ${HOME}/x`, /machine/],
    ['no machine is named', 'package-lock.json', '{ "resolved": "x" }', /fetched/],
    ['nothing is left open', 'src/a.ts', `x // ${MARK} later`, /a\.ts:1: leaves something open/],
    ['nothing is left open', 'test/a.test.ts', `it.${'skip'}('x', f)`, /leaves tests out/],
    ['nothing is left open', 'test/a.test.ts', `describe.${'only'}('x', f)`, /leaves tests out/],
  ]
  it.each(broken)('%s: case %#', (rule, path, text, problem) => {
    expect(RULES[rule]!(new Map([[path, text]]))).toEqual([expect.stringMatching(problem)])
  })

  it('the hot path loads no schema library: also through another file', () => {
    const files = new Map([
      ['src/core/name.ts', "import { x } from './manifest/node.ts'"],
      ['src/core/manifest/node.ts', "import { z } from 'zod'"],
    ])
    const rule = RULES['the hot path loads no schema library']!
    expect(rule(files)).toEqual(['src/core/name.ts: loads zod through src/core/manifest/node.ts'])
    files.set('src/core/name.ts', "import type { X } from './manifest/node.ts'")
    expect(rule(files)).toEqual([])
    files.set('src/core/name.ts', "import { type X, type Y } from './manifest/node.ts'")
    expect(rule(files)).toEqual([])
    files.set('src/core/name.ts', "import { type X, y } from './manifest/node.ts'")
    expect(rule(files)).toHaveLength(1)
  })

  it('storage is documented: once the page exists', () => {
    const rule = RULES['storage is documented']!
    const store = ['src/node/node-store.ts', '\nsql.exec(`CREATE TABLE IF NOT EXISTS epochs (a)`)'] as const
    expect(rule(new Map([store]))).toEqual([])
    expect(rule(new Map([store, ['docs/storage.md', 'other epochs_old']]))).toEqual([
      'src/node/node-store.ts:2: table epochs is not in docs/storage.md',
    ])
    expect(rule(new Map([store, ['docs/storage.md', 'table `epochs`']]))).toEqual([])
  })
})

describe('no rule barks at what is right', () => {
  const right: [path: string, text: string][] = [
    ['src/core/a.ts', `${DOC}export const a = 'Date.now()' // await fetch\n/* process */`],
    [
      'src/core/a.ts',
      `${DOC}export const a = /Date'"\`/.test(x.process) && it.fetch()\nconst updateDate = 1`,
    ],
    ['src/core/a.ts', `${DOC}export function f(a: 1): 1\nexport function f(a: 2): 2 {}`],
    ['src/core/a.ts', "import { b } from './planner/b.ts'\nimport '../core/c.ts'"],
    ['src/core/manifest/parse.ts', "import { parse } from 'yaml'\nimport { z } from 'zod'"],
    [
      'src/edge/a.ts',
      "import { x } from '../core/x.ts'\nimport { y } from './y.ts'\nimport { c } from '../config.ts'",
    ],
    ['src/edge/a.ts', 'const text = "import x from \'../node/x.ts\'"; Date.now(); await x'],
    ['src/worker.ts', "import { x } from './edge/x.ts'\nimport { y } from './node/y.ts'"],
    ['src/edge/b.ts', 'x\n'.repeat(MAX_LINES)],
    ['test/a.ts', 'const x = y as unknown as X'],
    ['docs/a.md', 'https://a.b/home/x is an address, and src/tmp/x a path of the project'],
    [
      'src/core/a.ts',
      `${DOC}export interface Api {
  ask(x: number): Promise<string | null>
}`,
    ],
  ]
  it.each(right)('%s: case %#', (path, text) => {
    for (const rule of Object.values(RULES)) expect(rule(new Map([[path, text]]))).toEqual([])
  })
})

describe('the reader of sources', () => {
  it('never loses its way in the sources of the repository: braces pair up', () => {
    for (const [path, text] of repository()) {
      if (!path.endsWith('.ts')) continue
      const code = codeOf(text)
      const count = (mark: string) => code.split(mark).length
      expect([path, code.length, count('{'), count('('), count('[')]).toEqual([
        path,
        text.length,
        count('}'),
        count(')'),
        count(']'),
      ])
    }
  })

  it('keeps code and lines and blanks the rest', () => {
    const template = `\`x \${Date + \`\${y}\`} Date\``
    const text = `a // Date\nb /* Date\n */ c 'Date' "Da\\"te" ${template} /[/]Date/g d / Date / e`
    const code = codeOf(text)
    expect(code.length).toBe(text.length)
    expect(code.match(/Date/g)).toHaveLength(2)
    expect(code.split('\n').length).toBe(3)
  })

  it('finds every form of import', () => {
    const text = [
      "import a from 'a'",
      "import 'b'",
      "import {\n  c,\n  type C\n} from 'c'",
      "export * from 'd'",
      "export { e } from 'e'",
      "import type { F } from 'f'",
      "await import('g')",
      "// import 'h'",
      'import * as i from "i"',
    ].join('\n')
    expect(
      importsOf(text)
        .map(({ from }) => from)
        .sort(),
    ).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'i'])
    expect(
      importsOf(text)
        .filter(({ typeOnly }) => typeOnly)
        .map(({ from }) => from),
    ).toEqual(['f'])
  })
})
