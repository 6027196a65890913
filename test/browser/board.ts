import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { launchBrowser } from '../../scripts/run/browser.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly impact: string | null
  readonly nodes: readonly { readonly html: string }[]
}

/** The dashboard with cookies and storage of its own, with everything that went wrong in it. */
export class DashboardPage {
  /** One process for all pages of a test file: starting it takes longer than most tests. */
  static #browser: Promise<Browser> | undefined
  readonly context: BrowserContext
  readonly page: Page
  readonly url: string
  /** Errors of the page, and dialogs, which nothing here opens. */
  readonly troubles: string[] = []
  /** Hosts that anything was asked of. */
  readonly hosts = new Set<string>()

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.context = context
    this.page = page
    this.url = url
    page.on('pageerror', (error) => this.troubles.push(error.message))
    page.on('dialog', (dialog) => {
      this.troubles.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) this.troubles.push(message.text())
    })
    page.on('request', (request) => this.hosts.add(new URL(request.url()).host))
  }

  /** Opens the page, signed out. */
  static async open(port: number, options: BrowserContextOptions = {}): Promise<DashboardPage> {
    DashboardPage.#browser ??= launchBrowser()
    const browser = await DashboardPage.#browser
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
    const page = await context.newPage()
    const url = `http://127.0.0.1:${port}/_stint/`
    const opened = new DashboardPage(context, page, url)
    await page.goto(url)
    return opened
  }

  /** Ends the process of the browser, after the last test. */
  static async endBrowser(): Promise<void> {
    const browser = await DashboardPage.#browser
    DashboardPage.#browser = undefined
    await browser?.close()
  }

  async signIn(token: string): Promise<void> {
    await this.page.getByLabel('Token').fill(token)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
  }

  /** Time from the navigation to the first text or picture, ms. */
  async firstPaintMs(): Promise<number> {
    return await this.page.evaluate<number>(
      `new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntries()[0].startTime))
        .observe({ type: 'paint', buffered: true }))`,
    )
  }

  /** A part of the page by its heading. */
  part(name: string) {
    return this.page.getByRole('region', { name, exact: true })
  }

  /** The balance shown of a tenant in the table. */
  async balance(tenant: string): Promise<number> {
    const row = this.part('Tenants').getByRole('row', { name: new RegExp(`^${tenant}\\b`) })
    const text = await row.locator('.number').innerText()
    return Number(text.replace('−', '-'))
  }

  /** What axe-core finds that is serious or worse, as text. */
  async seriousFaults(): Promise<string[]> {
    await this.page.evaluate(AXE)
    const violations = await this.page.evaluate<Violation[]>('axe.run().then((it) => it.violations)')
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ html }) => html)
            .join(' ')
            .slice(0, 400)}`,
      )
  }

  /** Waits until something holds. @throws with what was seen last */
  async eventually<T>(look: () => Promise<T>, holds: (seen: T) => boolean, timeoutMs = 60_000): Promise<T> {
    const untilMs = Date.now() + timeoutMs
    for (;;) {
      const seen = await look()
      if (holds(seen)) return seen
      if (Date.now() > untilMs) throw new Error(`never so: last seen ${JSON.stringify(seen)}`)
      await this.page.waitForTimeout(200)
    }
  }

  /** Closes the page; nothing may have gone wrong, and nothing may have been asked of elsewhere. */
  async close(): Promise<void> {
    await this.context.close()
    expect(this.troubles).toEqual([])
    expect([...this.hosts]).toEqual([new URL(this.url).host])
  }
}
