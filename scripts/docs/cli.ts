import type { Command } from 'commander'
import { DEFAULT_URL } from '../stint/client.ts'
import { EXIT } from '../stint/exit.ts'
import { createProgram } from '../stint/program.ts'
import { GENERATED, markdownTable } from './markdown.ts'

const INTRODUCTION = `# Command line

\`npx stint COMMAND\` or \`npm run stint -- COMMAND\`. \`STINT_URL\` says where Stint is (default \`${DEFAULT_URL}\`),
\`STINT_TOKEN\` who asks; \`npm start\` prints both. Tables are for people; \`-o json\` and \`-o yaml\` are for programs and
do not change within a version of the API. Writes carry an idempotency key, so that one whose answer was lost is
sent again safely.
`

/** Every command with its arguments and options, from the program itself. */
export function cliReference(): string {
  const program = createProgram({}, { out: () => {}, err: () => {}, interactive: false }, () => {})
  const codes = Object.values(EXIT).map(({ code, means }) => [String(code), means])
  const commands = program.commands.flatMap((it) => (it.commands.length > 0 ? it.commands : [it]))
  return `${GENERATED}${INTRODUCTION}${commands.map(section).join('')}
## Exit codes

${markdownTable(['code', 'meaning'], codes)}`
}

function section(command: Command): string {
  const help = command.createHelp()
  const name = command.parent?.parent == null ? command.name() : `${command.parent.name()} ${command.name()}`
  const rows = [
    ...command.registeredArguments.map((it) => [`\`${it.name()}\``, it.description || 'its name']),
    ...command.options.map((it) => [`\`${it.flags}\``, help.optionDescription(it)]),
  ]
  const list = rows.length === 0 ? '' : `\n${markdownTable(['', ''], rows)}`
  const usage = `stint ${name} ${command.usage()}`.replace(
    ' [options]',
    rows.length === 0 ? '' : ' [options]',
  )
  return `\n## ${name}\n\n${command.description()}\n\n    ${usage.trim()}\n${list}`
}
