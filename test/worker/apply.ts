import type { Env } from '../../src/config.ts'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import { parseManifests } from '../../src/core/manifest/parse.ts'

/** Makes manifests the wanted state through the coordinator itself. @throws Error naming what is wrong */
export async function applyText(env: Env, text: string): Promise<void> {
  const parsed = parseManifests([{ file: 'test', text }], { complete: false })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  const objects = env.COORDINATOR as unknown as DurableObjectNamespace<CoordinatorObject>
  const applied = await objects.getByName('main').apply(parsed.value)
  if (!applied.ok) throw new Error(JSON.stringify(applied.error))
}
