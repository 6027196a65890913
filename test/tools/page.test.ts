import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { buildPage } from '../../scripts/page.ts'

describe('the dashboard’s page', () => {
  it('is at most 150 KiB after gzip in all, and names no place but its own', async () => {
    const files = await buildPage()
    expect(Object.keys(files).sort()).toEqual(['app.js', 'icon.svg', 'index.html', 'style.css'])
    const bytes = Object.values(files).reduce((sum, { text }) => sum + gzipSync(text).length, 0)
    console.log(`the page is ${bytes} bytes after gzip`)
    expect(bytes).toBeLessThan(150 * 1024)
    for (const { text } of Object.values(files)) {
      const elsewhere = [...text.matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([url]) => url)
      // Names of the SVG and XHTML namespaces: never fetched.
      expect(elsewhere.filter((url) => !url.startsWith('http://www.w3.org/'))).toEqual([])
    }
  })
})
