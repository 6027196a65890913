import { connect } from 'node:net'

/** What came back on a raw connection, as text. */
export interface Wire {
  readonly status: number | undefined
  readonly text: string
}

/** Sends bytes as they are and reads until the answer is over, the connection ends, or nothing comes for a while. */
export function sendRaw(port: number, parts: readonly string[], idleMs = 1_500): Promise<Wire> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const end = () => {
      socket.destroy()
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
      resolve({ status: status === undefined ? undefined : Number(status), text })
    }
    let timer = setTimeout(end, idleMs)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(end, isWhole(text) ? 50 : idleMs)
    })
    socket.on('error', end)
    socket.on('close', end)
    for (const part of parts) socket.write(part, 'latin1')
  })
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)
  if (head < 0) return false
  return length === null ? text.endsWith('0\r\n\r\n') : text.length >= head + 4 + Number(length[1])
}

/** A request head, lines joined as HTTP wants them. */
export function head(first: string, ...lines: readonly string[]): string {
  return `${[first, ...lines].join('\r\n')}\r\n\r\n`
}
