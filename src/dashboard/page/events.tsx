import { clock } from './format.ts'
import type { Live } from './live.ts'
import { Scroll } from './scroll.tsx'

const SHOWN = 60

/** What happened, the newest first. */
export function Events({ live }: { live: Live }) {
  const newest = live.events.slice(-SHOWN).reverse()
  return (
    <section class="panel" aria-labelledby="events">
      <h2 id="events">Events</h2>
      {newest.length === 0 ? (
        <p class="empty">Nothing has happened yet.</p>
      ) : (
        <Scroll name="Events, the newest first">
          <ol class="events">
            {newest.map((event) => (
              <li key={event.seq} class={event.type}>
                <time dateTime={new Date(event.atMs).toISOString()}>{clock(event.atMs)}</time>
                <span>
                  <b>{event.reason}</b> {event.kind} {event.name}: {event.message}
                  {event.actor !== undefined && <span class="hint"> by {event.actor}</span>}
                </span>
              </li>
            ))}
          </ol>
        </Scroll>
      )}
    </section>
  )
}
