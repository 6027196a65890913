/** A life of a node that is over: its sessions numbered `covered` and above were opened after its last write. */
export interface PastLife {
  readonly life: string
  readonly covered: number
}

/** Lives kept for late reports of their sessions, of a node and of those a tenant has left. */
export const KEEP_LIVES = 8

/** Both lists, oldest first, each life once; the oldest beyond {@link KEEP_LIVES} are forgotten. */
export function joinLives(before: readonly PastLife[], later: readonly PastLife[]): readonly PastLife[] {
  const again = new Set(later.map(({ life }) => life))
  return [...before.filter(({ life }) => !again.has(life)), ...later].slice(-KEEP_LIVES)
}
