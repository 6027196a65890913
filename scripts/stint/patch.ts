import { plain } from './output.ts'

const CONTEXT = 2

/** The differing lines of two short texts with some around them, marked `-` and `+`. */
export function patchOf(name: string, before: string, after: string): string {
  const lines = diffLines(split(before), split(after))
  const near = (at: number) => lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1)
  const text = lines
    .filter((_, at) => near(at).some(({ mark }) => mark !== ' '))
    .map(({ mark, line }) => `${mark} ${plain(line)}`)
    .join('\n')
  return `--- ${plain(name)}\n${text}\n`
}

function split(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

interface Line {
  readonly mark: ' ' | '-' | '+'
  readonly line: string
}

/** By the longest common subsequence; past a size that would be slow, all is replaced. */
function diffLines(before: readonly string[], after: readonly string[]): Line[] {
  if (before.length * after.length > 4_000_000) {
    return [
      ...before.map((line): Line => ({ mark: '-', line })),
      ...after.map((line): Line => ({ mark: '+', line })),
    ]
  }
  const width = after.length + 1
  const common = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] =
        before[i] === after[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!)
    }
  }
  const lines: Line[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ mark: ' ', line: before[i]! })
      i++
      j++
    } else if (
      j >= after.length ||
      (i < before.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      lines.push({ mark: '-', line: before[i++]! })
    } else lines.push({ mark: '+', line: after[j++]! })
  }
  return lines
}
