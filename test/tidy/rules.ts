import { codeOf, type Files, importsOf, lineAt, resolve } from './source.ts'

/** A rule of the house: the problems it finds, each `path:line: what is wrong`. */
export type Rule = (files: Files) => string[]

/** Longest source file, in lines. */
export const MAX_LINES = 350

/** Rooms on the core's floor; siblings never import each other. */
export const ROOMS = ['edge', 'node', 'coordinator', 'signals', 'admin', 'dashboard'] as const

/** Packages the core may use, and the only place for each. */
const CORE_PACKAGES: readonly (readonly [name: string, place: RegExp])[] = [
  ['zod', /^src\/core\/manifest\//],
  ['yaml', /^src\/core\/manifest\/parse\.ts$/],
]

/** What would make the core depend on where, when and how often it runs. */
const CORE_BANS =
  /(?<![.\w$])(?:Date|performance|async|await|Promise|fetch|setTimeout|setInterval|setImmediate|queueMicrotask|console|crypto|process|globalThis|require)(?![\w$])|\bMath\s*\.\s*random\b|\bimport\s*[.(]/g

function* each(files: Files, under: RegExp): Generator<[path: string, text: string]> {
  for (const [path, text] of files) if (under.test(path)) yield [path, text]
}

function* matches(path: string, text: string, pattern: RegExp): Generator<[at: string, word: string]> {
  for (const found of text.matchAll(pattern)) yield [`${path}:${lineAt(text, found.index)}`, found[0]]
}

/** core ← edge | node | coordinator | signals | admin | dashboard ← worker.ts, and all may read config.ts. */
export const importDirection: Rule = (files) => {
  const problems: string[] = []
  for (const [path, text] of each(files, /^src\/.*\.tsx?$/)) {
    const room = roomOf(path)
    for (const { from, line } of importsOf(text)) {
      const target = resolve(path, from)
      if (target === undefined) continue
      const aim = target.startsWith('src/') ? roomOf(target) : undefined
      const allowed =
        aim !== undefined &&
        (aim === room || aim === 'core' || (room !== 'core' && target === 'src/config.ts') || room === 'roof')
      const right = path === 'src/config.ts' ? aim === 'core' : allowed
      if (!right) problems.push(`${path}:${line}: must not import ${target}`)
    }
  }
  return problems
}

function roomOf(path: string): string {
  const [, room, ...rest] = path.split('/')
  return rest.length === 0 ? 'roof' : room!
}

/** A signature without a body: a contract of remote calls says that they take time, and runs nothing itself. */
const DECLARED_PROMISE = /\):[ \t]*Promise<[^\n{]*$/gm

/** The core uses no platform, clock, randomness or waiting, and no package but those of the manifest. */
export const pureCore: Rule = (files) => {
  const problems: string[] = []
  for (const [path, text] of each(files, /^src\/core\/.*\.ts$/)) {
    const code = codeOf(text).replace(DECLARED_PROMISE, '')
    for (const [at, word] of matches(path, code, CORE_BANS)) problems.push(`${at}: ${word} is banned in core`)
    for (const { from, line } of importsOf(text)) {
      if (from.startsWith('.')) continue
      const allowed = CORE_PACKAGES.some(([name, place]) => from === name && place.test(path))
      if (!allowed) problems.push(`${path}:${line}: must not import the package ${from}`)
    }
  }
  return problems
}

/** What runs for every request (the files right in src/core) never loads the schema or YAML library. */
export const lightHotPath: Rule = (files) => {
  const problems: string[] = []
  for (const [start] of each(files, /^src\/core\/[^/]+\.ts$/)) {
    const seen = new Set([start])
    for (const path of seen) {
      for (const { from, typeOnly } of importsOf(files.get(path) ?? '')) {
        if (typeOnly) continue
        const target = resolve(path, from)
        if (target !== undefined) seen.add(target)
        else if (CORE_PACKAGES.some(([name]) => from === name))
          problems.push(`${start}: loads ${from} through ${path}`)
      }
    }
  }
  return problems
}

/** No file is longer than {@link MAX_LINES} lines. */
export const shortFiles: Rule = (files) => {
  const problems: string[] = []
  for (const [path, text] of each(files, /^(?:src|scripts|test)\/.*\.[cm]?[jt]sx?$/)) {
    const lines = text.replace(/\n$/, '').split('\n').length
    if (lines > MAX_LINES) problems.push(`${path}: has ${lines} lines, at most ${MAX_LINES}`)
  }
  return problems
}

/** The compiler and the linter are not talked out of their findings. */
export const honestTypes: Rule = (files) => {
  const problems: string[] = []
  for (const [path, text] of each(files, /^(?:src|scripts|test)\/.*\.tsx?$/)) {
    const talk = /(?:\/\/|\/\*)\s*(?:@ts-(?:ignore|nocheck)|biome-ignore-all)\b/g
    for (const [at, words] of matches(path, text, talk))
      problems.push(`${at}: must not silence checks: ${words}`)
    if (!path.startsWith('src/')) continue
    const cast = /\bas\s+(?:any|unknown\s+as)\b|<any>/g
    for (const [at, words] of matches(path, codeOf(text), cast))
      problems.push(`${at}: must not cast blindly: ${words}`)
  }
  return problems
}

/** What the core exports says what it is: units, ranges, errors. */
export const documentedCore: Rule = (files) => {
  const problems: string[] = []
  const exported =
    /^export\s+(?:declare\s+|abstract\s+)*(?:function\*?|class|interface|type|const|let)\s+([\w$]+)/gm
  for (const [path, text] of each(files, /^src\/core\/.*\.ts$/)) {
    const named = new Set<string>()
    for (const found of codeOf(text).matchAll(exported)) {
      const name = found[1]!
      const documented = /\*\/\s*$/.test(text.slice(0, found.index))
      if (!documented && !named.has(name)) {
        problems.push(`${path}:${lineAt(text, found.index)}: export ${name} needs a docstring`)
      }
      named.add(name)
    }
  }
  return problems
}

/** The repository speaks of itself, not of a machine it was on. */
export const noMachinePaths: Rule = (files) => {
  const problems: string[] = []
  for (const [path, text] of files) {
    const place = /(?<![\w.~/-])\/(?:work|home|root|Users|tmp|mnt|media)\/[\w.-]+|\b[A-Z]:\\\\?Users\b/g
    for (const [at, words] of matches(path, text, place))
      problems.push(`${at}: names a place of a machine: ${words}`)
  }
  if (/"resolved"\s*:/.test(files.get('package-lock.json') ?? '')) {
    problems.push('package-lock.json: must not name where packages were fetched from ("resolved")')
  }
  return problems
}

// In two halves, so that this file has none itself.
const OPEN_MARKS = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X']

/** Nothing unfinished, and no test left out. */
export const nothingLeftOpen: Rule = (files) => {
  const problems: string[] = []
  for (const [path, text] of each(files, /^(?:src|scripts|test)\/.*\.[cm]?[jt]sx?$/)) {
    const marks = new RegExp(`(?://|/?\\*).*\\b(?:${OPEN_MARKS.join('|')})\\b`, 'g')
    for (const [at] of matches(path, text, marks)) problems.push(`${at}: leaves something open`)
    const skipped = /\b(?:it|test|describe)(?:\.\w+)*\.(?:only|skip|skipIf|todo|fails)\b/g
    if (!path.startsWith('test/')) continue
    for (const [at, words] of matches(path, codeOf(text), skipped))
      problems.push(`${at}: leaves tests out: ${words}`)
  }
  return problems
}

/** docs/storage.md names every table the objects keep. */
export const documentedStorage: Rule = (files) => {
  const page = files.get('docs/storage.md')
  if (page === undefined) return []
  const problems: string[] = []
  const table = /\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?["`]?(\w+)/gi
  for (const [path, text] of each(files, /^src\/.*-store\.ts$/)) {
    for (const found of text.matchAll(table)) {
      const name = found[1]!
      if (new RegExp(`\\b${name}\\b`).test(page)) continue
      problems.push(`${path}:${lineAt(text, found.index)}: table ${name} is not in docs/storage.md`)
    }
  }
  return problems
}

/** All rules by name. */
export const RULES: Readonly<Record<string, Rule>> = {
  'imports point one way': importDirection,
  'the core is pure': pureCore,
  'the hot path loads no schema library': lightHotPath,
  'files are short': shortFiles,
  'types are honest': honestTypes,
  'the core is documented': documentedCore,
  'no machine is named': noMachinePaths,
  'nothing is left open': nothingLeftOpen,
  'storage is documented': documentedStorage,
}
