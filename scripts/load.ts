import { parseCommand, USAGE } from './load/arguments.ts'
import { runLoad, UnreachableError } from './load/run.ts'
import { formatProgress, formatTable } from './load/table.ts'

/** What was sent before (a curl, another run) shall not share a round with the first second of this one. */
const PAUSE_MS = 1_500

/** `npm run load`: figures on stdout, everything else on stderr. Exits with 1 if nothing could be measured. */
async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2))
  if (!command.ok) {
    console.error(`load: ${command.error}\n\n${USAGE}`)
    process.exitCode = 1
    return
  }
  const { load, json } = command.value
  const stop = new AbortController()
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => stop.abort())
  try {
    const result = await runLoad({ ...load, pauseMs: PAUSE_MS }, stop.signal, (soFar) =>
      console.error(formatProgress(soFar, load.seconds)),
    )
    if (stop.signal.aborted) console.error(`stopped after ${result.seconds.toFixed(1)} s`)
    for (const { name, reason, count } of result.failures)
      console.error(`${name}: ${count} failed: ${reason}`)
    console.log(json ? JSON.stringify({ tenants: result.tenants }) : formatTable(result))
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error
    console.error(`load: ${error.message}; start the edge with "npm start", or name its port with --port`)
    process.exitCode = 1
  }
}

await main()
