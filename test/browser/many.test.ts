import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser } from '../../scripts/run/browser.ts'
import { LocalStint } from '../../scripts/run/local.ts'
import { DashboardPage } from './board.ts'

const PORT = 18_711
const TENANTS = 1_000

/** Twenty machines and a thousand tenants. */
function manyTenants(): string {
  const nodes = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({
      apiVersion: 'stint/v1',
      kind: 'Node',
      metadata: { name: `node-${i}` },
      spec: { capacity: 1_000, power: { idleWatts: 90, peakWatts: 240 } },
    }),
  )
  const tenants = Array.from({ length: TENANTS }, (_, i) =>
    JSON.stringify({
      apiVersion: 'stint/v1',
      kind: 'Tenant',
      metadata: { name: `tenant-${String(i).padStart(4, '0')}` },
      spec: { base: 5, hosts: [`t${i}.test`] },
    }),
  )
  return [...nodes, ...tenants].join('\n---\n')
}

describe.runIf(hasBrowser)('a thousand tenants', () => {
  let stint: LocalStint

  beforeAll(async () => {
    stint = await LocalStint.start(PORT, manyTenants())
  })
  afterAll(async () => {
    await DashboardPage.endBrowser()
    await stint.dispose()
  })

  it('are all within reach, and only those in sight are drawn', async () => {
    const board = await DashboardPage.open(PORT)
    const { page } = board
    await board.signIn(stint.token)
    const tenants = board.part('Tenants')
    await tenants.getByText('1,000 of 1,000').waitFor()
    const rows = tenants.getByRole('row')
    expect(await rows.count()).toBeLessThan(60)
    await page.getByRole('region', { name: 'Table of tenants' }).focus()
    await page.keyboard.press('End')
    await tenants.getByRole('button', { name: 'tenant-0999' }).waitFor()
    expect(await rows.count()).toBeLessThan(60)
    await tenants.getByRole('searchbox').fill('tenant-0500')
    await tenants.getByText('1 of 1,000').waitFor()
    await tenants.getByRole('button', { name: 'tenant-0500' }).waitFor()
    expect(await page.getByRole('button', { name: 'Start the load' }).count()).toBe(0)
    await board.close()
  })
})
