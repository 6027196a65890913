import { type ClusterParts, REAL_CLUSTER_PARTS } from '../../scripts/simulate/cluster/parts.ts'
import type { TenantCapsule } from '../../src/core/capsule.ts'
import type { NodeConfig } from '../../src/core/control.ts'
import { routeLease } from '../../src/core/migration/lease-route.ts'
import type { NodeMessage, TenantRow } from '../../src/core/migration/types.ts'
import type { NodeLife } from '../../src/core/node-life.ts'
import { accountOf } from '../../src/core/placed.ts'
import { type PlaceStep, Places } from '../../src/core/places.ts'

type Message = NodeMessage<TenantCapsule>
type Step = [message: Message, life: NodeLife, config: NodeConfig, nowMs: number]
type Writable = { -readonly [Key in keyof TenantRow<TenantCapsule>]: TenantRow<TenantCapsule>[Key] }

/** A target that takes any prepare and any capsule, whatever migration it belongs to. */
class IgnoresEpochs extends Places {
  override step(...[message, life, config, nowMs]: Step): PlaceStep {
    const row = this.get(message.tenant)?.row as Writable | undefined
    const movable = row?.role === 'gone' || row?.role === 'staged'
    if (movable && message.kind === 'prepare') row.epoch = Math.min(row.epoch, message.epoch - 1)
    if (movable && row.role === 'staged' && message.kind === 'install') row.epoch = message.epoch
    return super.step(message, life, config, nowMs)
  }
}

/** A target that opens the account again whenever the capsule comes. */
class InstallsAgain extends Places {
  override step(...[message, life, config, nowMs]: Step): PlaceStep {
    const row = this.get(message.tenant)?.row
    const step = super.step(message, life, config, nowMs)
    if (message.kind === 'install' && row?.role === 'active' && row.epoch === message.epoch) {
      life.close(message.tenant)
      const placed = { ...message.capsule.placed, epoch: message.epoch }
      life.install(accountOf(placed, life.ledger.roundMs), message.capsule.row, nowMs)
    }
    return step
  }
}

/** A source that keeps its account open after it has handed it on. */
class KeepsTheAccount extends Places {
  override step(...[message, life, config, nowMs]: Step): PlaceStep {
    const step = super.step(message, life, config, nowMs)
    if (message.kind === 'handoff' && step.changed.size > 0 && step.answer.kind === 'handed') {
      const { placed, row } = step.answer.capsule
      life.install(accountOf(placed, life.ledger.roundMs), row, nowMs)
    }
    return step
  }
}

/** A source that says it has aborted and writes no fence. */
class AbortsWithoutFence extends Places {
  override step(...[message, life, config, nowMs]: Step): PlaceStep {
    const step = super.step(message, life, config, nowMs)
    const row = this.get(message.tenant)?.row
    if (message.kind === 'abort' && row?.role === 'active') (row as { fencedEpoch: number }).fencedEpoch = 0
    return step
  }
}

/** A target that forgets the sessions that came with an account. */
class ForgetsSessions extends Places {
  override step(...[message, life, config, nowMs]: Step): PlaceStep {
    if (message.kind !== 'install') return super.step(message, life, config, nowMs)
    const { capsule } = message
    const row = { ...capsule.row, desk: { ...capsule.row.desk, sessions: [] } }
    return super.step({ ...message, capsule: { ...capsule, row } }, life, config, nowMs)
  }
}

/** A part that is broken, and the seed to begin with: where it is rarely asked for, the first ones say nothing. */
interface BrokenCluster {
  readonly parts: ClusterParts
  readonly fromSeed: number
}

function broken(parts: Partial<ClusterParts>, fromSeed = 1): BrokenCluster {
  return { parts: { ...REAL_CLUSTER_PARTS, ...parts }, fromSeed }
}

function places(Broken: new (...args: ConstructorParameters<typeof Places>) => Places) {
  return { newPlaces: (...args: ConstructorParameters<typeof Places>) => new Broken(...args) }
}

/** Broken on purpose: each must be noticed by the simulation. */
export const BROKEN_CLUSTERS: Readonly<Record<string, BrokenCluster>> = {
  'no epoch check at the target': broken(places(IgnoresEpochs), 55),
  'the capsule handed out before the freeze is durable': broken({ nodeHolds: false }),
  'the capsule applied twice': broken(places(InstallsAgain)),
  'the source serves after the handoff': broken({
    ...places(KeepsTheAccount),
    routeLease: (row, ask, facts) =>
      row?.role === 'forwarding' ? { kind: 'serve', moved: null } : routeLease(row, ask, facts),
  }),
  'the coordinator speaks before its row is durable': broken({ coordinatorHolds: false }, 70),
  'the coordinator forgets its journal': broken({
    recall: (stored) => ({ ...stored, migration: null }),
  }),
  'a takeover that does not wait for the lease to serve': broken({
    servingLapsed: (nowMs, presumedUntilMs) => nowMs >= presumedUntilMs - 1_500,
  }),
  'a node that ignores its lease to serve': broken({
    routeLease: (row, ask, facts) => routeLease(row, ask, { ...facts, mayServe: true }),
  }),
  'an abort without a fence': broken(places(AbortsWithoutFence), 70),
  'sessions left behind': broken(places(ForgetsSessions)),
}
