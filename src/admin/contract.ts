import type { z } from '@hono/zod-openapi'
import { problemView } from './schemas.ts'

/** A JSON answer of the contract. */
export function answer<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

/** A JSON body of the contract. */
export function body<Schema extends z.ZodType>(schema: Schema) {
  return { body: { required: true as const, content: { 'application/json': { schema } } } }
}

/** What any route may answer instead, as `application/problem+json`. Not part of the typed client. */
export const PROBLEMS: Readonly<Record<string, string>> = {
  400: 'The input is wrong; `errors` names the fields',
  401: 'No valid token',
  403: 'The token does not allow this, or the request comes from another site',
  404: 'There is no such object',
  409: 'The claim, the idempotency key or the node is taken',
  412: 'The object has changed since it was read',
  413: 'The body is too large',
  415: 'The body has another content type',
  428: 'If-Match is needed',
  503: 'No admin secret is configured',
}

/** Every route needs one of these. */
export const SECURITY = [{ bearer: [] }, { access: [] }]

/** The schema of the problems, for the document. */
export const problemSchema = problemView
