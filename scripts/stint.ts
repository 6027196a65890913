import { runCli } from './stint/program.ts'

process.exitCode = await runCli(process.argv.slice(2))
