import { readFileSync } from 'node:fs'

/** Clock ticks per second of `/proc/<pid>/stat`; 100 on every Linux that Node runs on (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100

/**
 * CPU time a process has used so far, user and system, all threads, microseconds (in steps of 10 000).
 * @throws Error when there is no such process, or not on Linux.
 */
export function cpuMicrosOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The command's name is in brackets and may hold spaces; what follows it does not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND
}

/** Sum of {@link cpuMicrosOf} over several processes. */
export function cpuMicrosOfAll(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMicrosOf(pid), 0)
}
