/** What a metric is to Prometheus. */
export type MetricType = 'counter' | 'gauge' | 'histogram'

/** Labels of a sample, in the order they are written. */
export type Labels = Readonly<Record<string, string>>

/** Content type of the text format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Writes the Prometheus text format: families one after the other, each with its help and type.
 *
 * @example
 * const page = new MetricsPage()
 * page.family('stint_nodes', 'gauge', 'Nodes by phase.').add(2, { phase: 'Ready' })
 */
export class MetricsPage {
  #text = ''

  /** Begins a family; its samples are added before the next begins. */
  family(name: string, type: MetricType, help: string) {
    this.#text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`
    this.#text += `# TYPE ${name} ${type}\n`
    const add = (value: number, labels: Labels = {}, suffix = '') => {
      this.#text += `${name}${suffix}${written(labels)} ${number(value)}\n`
    }
    return { add }
  }

  toString(): string {
    return this.#text
  }
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return String(value)
}
