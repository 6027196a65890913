import { useEffect, useState } from 'preact/hooks'
import type { Live } from './live.ts'
import { ask } from './session.ts'

/** What a list of the API says, or why it did not. */
export interface Polled<T> {
  readonly items: readonly T[] | undefined
  readonly fault: string
  again(): void
}

/**
 * A list that is not part of the live stream: read when the stream tells of an event, and while `busy` says
 * that something of it is under way.
 */
export function usePolled<T>(
  live: Live,
  path: string,
  offered: boolean,
  busy: (item: T) => boolean,
): Polled<T> {
  const [items, setItems] = useState<readonly T[] | undefined>(undefined)
  const [fault, setFault] = useState('')
  const [turn, setTurn] = useState(0)
  const lastSeq = live.events.at(-1)?.seq ?? 0
  const under = items?.some(busy) ?? false
  useEffect(() => {
    if (!offered) return
    let over = false
    ask<{ items: readonly T[] }>('GET', path).then(
      (answer) => {
        if (over) return
        setItems(answer.items)
        setFault('')
      },
      (error: unknown) => {
        if (!over) setFault(error instanceof Error ? error.message : String(error))
      },
    )
    return () => {
      over = true
    }
  }, [offered, path, lastSeq, live.revision, turn])
  useEffect(() => {
    if (!under) return
    const timer = setInterval(() => setTurn((it) => it + 1), 1_000)
    return () => clearInterval(timer)
  }, [under])
  return { items, fault, again: () => setTurn((it) => it + 1) }
}
