import { get } from 'node:http'

/** Asks for `/` of a host on a port of this machine; `fetch` would not send the name. */
export function ask(port: number, host: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/', headers: { host } }, async (answer) => {
      resolve({ status: answer.statusCode, text: (await answer.toArray()).join('') })
    }).once('error', reject)
  })
}
