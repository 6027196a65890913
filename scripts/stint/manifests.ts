import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ManifestSet } from '../../src/core/manifest/check.ts'
import { formatManifestError } from '../../src/core/manifest/errors.ts'
import { parseManifests } from '../../src/core/manifest/parse.ts'
import { CliError } from './exit.ts'

const MAX_CHARS = 64 << 20

/** Reads manifests from files, the YAML and JSON files of folders, and `-` for standard input. */
export function readManifests(files: readonly string[]): ManifestSet {
  const texts = files.flatMap((file) =>
    file === '-' ? [{ file: 'stdin', text: read(0, file) }] : readPath(file),
  )
  if (texts.length === 0) throw new CliError('usage', 'no .yaml, .yml or .json file there')
  const parsed = parseManifests(texts, { complete: false, maxChars: MAX_CHARS })
  if (parsed.ok) return parsed.value
  throw new CliError('usage', parsed.error.map(formatManifestError).join('\n  '))
}

function readPath(path: string): { file: string; text: string }[] {
  let folder: boolean
  try {
    folder = statSync(path).isDirectory()
  } catch {
    throw new CliError('usage', `${path}: cannot be read`)
  }
  if (!folder) return [{ file: path, text: read(path, path) }]
  const names = readdirSync(path).filter((name) => /\.(?:ya?ml|json)$/.test(name))
  return names.sort().map((name) => ({ file: join(path, name), text: read(join(path, name), name) }))
}

function read(file: string | number, name: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new CliError('usage', `${name}: cannot be read`)
  }
}

/** `tenant/alpha`, `node/node-1`, or two words. */
export function parseTarget(
  first: string,
  second: string | undefined,
): { kind: 'Node' | 'Tenant'; name: string } {
  const [kind = '', name = second] = first.split('/')
  const singular = kind.toLowerCase().replace(/s$/, '')
  if (name === undefined || name === '' || (singular !== 'node' && singular !== 'tenant')) {
    throw new CliError('usage', 'name the object as tenant/NAME or node/NAME')
  }
  return { kind: singular === 'node' ? 'Node' : 'Tenant', name }
}
