import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/build.ts'
import { references } from '../../scripts/docs/references.ts'
import { VERSION } from '../../src/admin/version.ts'

describe('the generated reference', () => {
  it.each([...references()])('%s is what npm run docs writes', (path, text) => {
    expect(readFileSync(`${ROOT}/${path}`, 'utf8')).toBe(text)
    expect(text.length).toBeGreaterThan(1_000)
  })

  it('is of the version in package.json', () => {
    const manifest = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { version: string }
    expect(VERSION).toBe(manifest.version)
  })
})
