import type { ComponentChildren } from 'preact'

interface Props {
  readonly name: string
  readonly children: ComponentChildren
  onScroll?(top: number): void
}

/** A part that scrolls by itself, and so must be reachable by keyboard. */
export function Scroll({ name, children, onScroll }: Props) {
  return (
    <section
      class="scroll"
      aria-label={name}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys scroll only what has the focus
      tabIndex={0}
      onScroll={(event) => onScroll?.(event.currentTarget.scrollTop)}
    >
      {children}
    </section>
  )
}
