import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** Tests of the pure core and of the tools run in Node; `test/worker` runs inside workerd. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/worker/**', 'test/chaos/**', 'test/browser/**', 'test/**/wire-*.test.ts'],
        },
      },
      {
        // Black-box tests start real workerd processes and load them: one file at a time.
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts', 'test/**/wire-*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [cloudflareTest({ main: './src/worker.ts', wrangler: { configPath: './wrangler.toml' } })],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          deps: { optimizer: { ssr: { enabled: true, include: ['itty-durable'] } } },
        },
      },
    ],
  },
})
