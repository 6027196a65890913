import { declaredLength, passBody } from './body.ts'
import { stripHopHeaders } from './headers.ts'
import type { Meter } from './meter.ts'

/**
 * Settles the cost of an answer, tells the client what is left, and lets the body pass by the meter. A body
 * that is not charged for passes untouched if it declares its length.
 */
export function finish(answer: Response, meter: Meter): Response {
  const passed = metered(answer, meter)
  // First what the origin must not say, then what we do.
  stripHopHeaders(passed.headers)
  meter.settle(passed.headers)
  return passed
}

function metered(answer: Response, meter: Meter): Response {
  const { body } = answer
  const length = declaredLength(answer.headers)
  if (body === null || meter.account === undefined) return new Response(body, answer)
  if (length === undefined || meter.metersAnswer) {
    return new Response(passBody(body, { pass: (bytes) => meter.passOut(bytes), length }), answer)
  }
  meter.countOut(length)
  return new Response(body, answer)
}
