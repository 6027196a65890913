/** Watts of a node at 0, 10 … 100 % load, linear in between (the form SPECpower results have). */
export type PowerCurve = readonly number[]

/** A curve, or the two numbers most operators know. */
export type PowerSpec = PowerCurve | { readonly idleWatts: number; readonly peakWatts: number }

/** Points of a curve: one every tenth of the load, both ends included. */
export const CURVE_POINTS = 11

/**
 * The curve of a node's power specification.
 *
 * @throws RangeError when the curve has not 11 points, or a point is negative or not finite
 */
export function powerCurve(spec: PowerSpec): PowerCurve {
  const curve =
    'idleWatts' in spec
      ? Array.from(
          { length: CURVE_POINTS },
          (_, i) => spec.idleWatts + ((spec.peakWatts - spec.idleWatts) * i) / 10,
        )
      : spec
  if (curve.length !== CURVE_POINTS) {
    throw new RangeError(`a power curve has ${CURVE_POINTS} points, not ${curve.length}`)
  }
  if (!curve.every((watts) => Number.isFinite(watts) && watts >= 0)) {
    throw new RangeError('the points of a power curve are finite and not negative')
  }
  return curve
}

/** Watts at `load` (share of capacity); a load outside 0…1 draws what the nearer end does. */
export function wattsAt(curve: PowerCurve, load: number): number {
  const tenths = Math.min(10, Math.max(0, load * 10))
  const low = Math.min(9, Math.floor(tenths))
  const from = curve[low]!
  return from + (curve[low + 1]! - from) * (tenths - low)
}
