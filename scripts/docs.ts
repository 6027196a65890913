import { mkdirSync, writeFileSync } from 'node:fs'
import { ROOT } from './build.ts'
import { references } from './docs/references.ts'

mkdirSync(`${ROOT}/docs`, { recursive: true })
for (const [path, text] of references()) {
  writeFileSync(`${ROOT}/${path}`, text)
  console.log(`wrote ${path}`)
}
