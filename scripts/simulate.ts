#!/usr/bin/env node
import { Command } from 'commander'
import { faultsCommand } from './simulate/faults.ts'
import { placementCommand } from './simulate/placement.ts'
import { sharingCommand } from './simulate/sharing.ts'

/** To add a simulation: write `simulate/<name>.ts` exporting its command, import it, list it here. */
const COMMANDS = [faultsCommand, placementCommand, sharingCommand]

const program = new Command('simulate')
  .description('Run the pure core of Stint against simulated worlds: no network, no clock, repeatable.')
  .showHelpAfterError('(add --help for the options)')

for (const command of COMMANDS) program.addCommand(command())

program.parseAsync().catch((error: unknown) => {
  console.error(`simulate: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
