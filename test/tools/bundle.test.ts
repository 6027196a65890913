import { describe, expect, it } from 'vitest'
import { measureBundle } from '../../scripts/bench/bundle.ts'

describe('the bundle that is uploaded', () => {
  it('loads less than 40 KiB after gzip at the start, and the rest on demand', async () => {
    const { edgeGzip, hotPathGzip, hotPathModules, totalGzip } = await measureBundle()
    expect(hotPathModules).toContain('worker.js')
    expect(hotPathGzip).toBeGreaterThan(10 * 1024)
    expect(hotPathGzip).toBeLessThan(40 * 1024)
    // The edge in front has nothing to load on demand.
    expect(edgeGzip).toBeGreaterThan(10 * 1024)
    expect(edgeGzip).toBeLessThan(24 * 1024)
    expect(totalGzip).toBeGreaterThan(2 * hotPathGzip)
  })
})
