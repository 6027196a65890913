/** No framework, and the answer's head made once, as Stint makes its own: no Worker that answers gets below this. */
let head: Response | undefined

export default {
  fetch(request: Request): Response {
    const path = /^https?:\/\/[^/?#]*([^?#]*)/.exec(request.url)?.[1]
    const body = { tenant: 'quiet', node: 'bench', method: request.method, path }
    head ??= new Response(null, { headers: { 'Content-Type': 'application/json' } })
    return new Response(`${JSON.stringify(body)}\n`, head)
  },
}
