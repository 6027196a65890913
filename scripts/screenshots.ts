import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { ROOT } from './build.ts'
import { CHROMIUM, hasBrowser, openBrowser } from './run/browser.ts'
import { LocalStint } from './run/local.ts'

const PORT = 18_730
const OUT = join(ROOT, 'docs', 'images')

/** Three machines whose power is known, and six tenants of which two flood. */
function manifest(): string {
  const nodes = ['north-1', 'north-2', 'south-1'].map((name) => ({
    apiVersion: 'stint/v1',
    kind: 'Node',
    metadata: { name },
    spec: { capacity: 160, zone: name.split('-')[0], power: { idleWatts: 95, peakWatts: 240 } },
  }))
  const tenants = [
    ['alpha', 80, 'north-1'],
    ['beta', 50, 'north-1'],
    ['gamma', 30, 'north-1'],
    ['delta', 60, 'north-2'],
    ['epsilon', 40, 'north-2'],
    ['zeta', 20, 'north-2'],
  ].map(([name, base, node]) => ({
    apiVersion: 'stint/v1',
    kind: 'Tenant',
    metadata: { name },
    spec: { base, node, hosts: [`${name}.localhost`] },
  }))
  return [...nodes, ...tenants].map((it) => JSON.stringify(it)).join('\n---\n')
}

/** Takes the pictures of the README: run it, look at them, then commit them. */
async function main(): Promise<void> {
  if (!hasBrowser) throw new Error(`there is no ${CHROMIUM}; name a Chromium with CHROMIUM=…`)
  mkdirSync(OUT, { recursive: true })
  const stint = await LocalStint.start(PORT, manifest(), { vars: { STINT_DEMO: '1' } })
  const context = await openBrowser({ viewport: { width: 1440, height: 1000 }, colorScheme: 'light' })
  try {
    const page = context.pages()[0] ?? (await context.newPage())
    await page.goto(`http://127.0.0.1:${PORT}/_stint/`)
    await page.getByLabel('Token').fill(stint.token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    for (const [tenant, rate] of [
      ['alpha', 20],
      ['beta', 200],
      ['gamma', 100],
      ['delta', 40],
      ['epsilon', 160],
    ] as const) {
      await page.getByRole('slider', { name: tenant }).fill(String(rate))
      await page.getByRole('button', { name: `Start the load on ${tenant}` }).click()
    }
    await page.waitForTimeout(30_000)
    await picture(page, 'dashboard')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.waitForTimeout(2_000)
    await picture(page, 'dashboard-dark')
    await page.setViewportSize({ width: 375, height: 812 })
    await page.waitForTimeout(2_000)
    await picture(page, 'dashboard-phone')
  } finally {
    await context.close()
    await stint.dispose()
  }
}

async function picture(page: Page, name: string): Promise<void> {
  await page.evaluate('scrollTo(0, 0)')
  await page.screenshot({ path: join(OUT, `${name}.png`), animations: 'disabled' })
  console.log(`docs/images/${name}.png`)
}

await main()
