import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/build.ts'
import { COMPATIBILITY_DATE, OBJECTS } from '../../scripts/run/bindings.ts'

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const fieldOf = (text: string, key: string) => new RegExp(`^${key} = "(.*)"$`, 'm').exec(text)?.[1]
const objectsOf = (text: string) =>
  text
    .split('[[durable_objects.bindings]]')
    .slice(1)
    .map((part) => [fieldOf(part, 'name'), fieldOf(part, 'class_name'), fieldOf(part, 'script_name')])

describe('what is deployed', () => {
  const [whole, edge] = [read('wrangler.toml'), read('wrangler.edge.toml')]

  it('is what runs locally: one compatibility date, the same objects', () => {
    expect(fieldOf(whole, 'compatibility_date')).toBe(COMPATIBILITY_DATE)
    expect(fieldOf(edge, 'compatibility_date')).toBe(COMPATIBILITY_DATE)
    expect(objectsOf(whole)).toEqual(Object.entries(OBJECTS).map(([name, cls]) => [name, cls, undefined]))
  })

  it('has an edge bound to the objects and the entrypoint of the other Worker', () => {
    const name = fieldOf(whole, 'name')
    expect(objectsOf(edge)).toEqual([
      ['NODES', OBJECTS.NODES, name],
      ['COORDINATOR', OBJECTS.COORDINATOR, name],
    ])
    expect(fieldOf(edge, 'service')).toBe(name)
    expect(read('src/worker.ts')).toContain(`export class ${fieldOf(edge, 'entrypoint')} `)
  })
})
