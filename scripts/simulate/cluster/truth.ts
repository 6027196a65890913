/** What truly happened to one tenant, over all edges and nodes. Micro-tokens. */
export class TenantTruth {
  askedTokens = 0
  /** Admitted by an edge's lease, its credit, or the guaranteed rate. */
  spentTokens = 0
  /** Of that, at the guaranteed rate while a node could not be reached. */
  guaranteedTokens = 0
  /** Σ of `granted`. */
  grantedTokens = 0
  /** Epoch of the last forced takeover, 0 for none. */
  takenOverAt = 0
  /** When an edge last admitted a request, and since when others have been turned away. */
  turnedAwaySinceMs: number | undefined
  /** What nodes granted to each session, and the most they lent it. */
  readonly granted = new Map<string, number>()
  readonly credit = new Map<string, number>()

  noteGrant(session: string, granted: number, credit: number): void {
    const before = this.granted.get(session) ?? 0
    this.grantedTokens += Math.max(0, granted - before)
    this.granted.set(session, Math.max(granted, before))
    this.credit.set(session, Math.max(credit, this.credit.get(session) ?? 0))
  }
}
