import { MIN_HOOK_SECRET_LENGTH } from '../../src/core/hook.ts'
import { ExampleHook } from './hook.ts'

/** Runs the example hook until it is stopped, and says what it is told. */
const port = Number(process.argv[2] ?? 8798)
const secret = process.env['STINT_HOOK_SECRET'] ?? ''
if (secret.length < MIN_HOOK_SECRET_LENGTH || !Number.isInteger(port)) {
  console.error(`hook: set STINT_HOOK_SECRET to at least ${MIN_HOOK_SECRET_LENGTH} characters; usage: [PORT]`)
  process.exit(1)
}
const hook = new ExampleHook(secret)
hook.onCommand = async ({ id, action, node }) => console.log(`hook: ${action} ${node} (command ${id})`)
await hook.listen(port)
console.log(`hook: listening on http://127.0.0.1:${port}`)
process.once('SIGINT', () => void hook.close())
process.once('SIGTERM', () => void hook.close())
