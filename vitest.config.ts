import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { PAGE_MODULE, pageModule } from './scripts/page.ts'

/** Gives tests inside workerd the page as the build does. */
const page = {
  name: PAGE_MODULE,
  resolveId: (id: string) => (id === PAGE_MODULE ? `\0${PAGE_MODULE}` : undefined),
  load: (id: string) => (id === `\0${PAGE_MODULE}` ? pageModule() : undefined),
}

// Nothing is judged by the time it takes: a limit only ends what hangs, also on a busy machine.
const testTimeout = 60_000
// By itself Vitest keeps one core for itself, which on two cores means one file after the other.
const maxWorkers = '100%'

/** Tests of the pure core and of the tools run in Node; `test/worker` runs inside workerd. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          maxWorkers,
          testTimeout,
          hookTimeout: testTimeout,
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
        // The dashboard in Chromium, in front of real Workers: one file at a time.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        plugins: [
          page,
          cloudflareTest({ main: './src/worker.ts', wrangler: { configPath: './wrangler.toml' } }),
        ],
        test: {
          name: 'worker',
          maxWorkers,
          testTimeout,
          hookTimeout: testTimeout,
          include: ['test/worker/**/*.test.ts'],
          deps: { optimizer: { ssr: { enabled: true, include: ['itty-durable'] } } },
        },
      },
    ],
  },
})
