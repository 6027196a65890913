import type { EdgeFigures } from './core/edge-tally.ts'

/** Carries what an edge in front has counted. Only the entrypoint that edges alone can reach believes it. */
const TALLY_HEADER = 'Stint-Tally'

/** Whether a request is for the admin API or the dashboard, and not a tenant's. */
export function isManagement(url: string): boolean {
  // A search of the text first: parsing the URL costs more, and nearly every request is a tenant's.
  return url.includes('_stint') && /^\/_stint(?:\/|$)/.test(new URL(url).pathname)
}

/** The request with what its edge has counted. */
export function withTally(request: Request, tally: EdgeFigures): Request {
  const headers = new Headers(request.headers)
  headers.set(TALLY_HEADER, JSON.stringify(tally))
  return new Request(request, { headers })
}

/** What the edge that passed a request on has counted. */
export function figuresOf(request: Request): EdgeFigures {
  return JSON.parse(request.headers.get(TALLY_HEADER)!) as EdgeFigures
}
