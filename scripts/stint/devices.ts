import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type Api, allPages } from './client.ts'
import { CliError } from './exit.ts'
import { type Format, print, type Streams, table } from './output.ts'

type Usage = Awaited<ReturnType<Awaited<ReturnType<Api['usage']['$get']>>['json']>>['items'][number]

/** Options of `devices set`. */
export interface SplitArguments {
  readonly file?: string
  readonly output: Format
}

/** `stint get devices`. */
export async function listDevices(
  api: Api,
  streams: Streams,
  tenant: string | undefined,
  format: Format,
  limit: number | undefined,
): Promise<void> {
  const items = await usageOf(api, tenant, limit)
  const devices = items.flatMap((it) => it.accounts.filter(({ device }) => device !== undefined))
  print(streams, format, devices, () => deviceTable(items))
}

/** Usage of one tenant or of all. */
export async function usageOf(api: Api, tenant: string | undefined, limit?: number): Promise<Usage[]> {
  if (tenant !== undefined)
    return [await (await api.tenants[':name'].usage.$get({ param: { name: tenant } })).json()]
  return await allPages(
    async (after: string | undefined, size) =>
      (
        await api.usage.$get({ query: { limit: String(size), ...(after === undefined ? {} : { after }) } })
      ).json(),
    limit,
  )
}

/** The devices of tenants as their nodes see them now. */
export function deviceTable(items: readonly Usage[]): string {
  return table(
    ['TENANT', 'DEVICE', 'BASE', 'BALANCE', 'BORROWED', 'ADMITTED', 'REFUSED'],
    items.flatMap((it) =>
      it.accounts
        .filter(({ device }) => device !== undefined)
        .map(({ tenant, device, base, balance, borrowedTotal, usage }) => [
          tenant,
          device!,
          base,
          balance,
          borrowedTotal,
          usage.admitted,
          usage.refused,
        ]),
    ),
  )
}

/** `stint devices set`: new bases of devices there are, or all devices anew from a file. */
export async function splitCommand(
  api: Api,
  streams: Streams,
  tenant: string,
  splits: readonly string[],
  options: SplitArguments,
): Promise<void> {
  if ((splits.length === 0) === (options.file === undefined)) {
    throw new CliError('usage', 'give either NAME=BASE … or a file with -f')
  }
  const param = { name: tenant }
  const { manifest, revision } = await (await api.tenants[':name'].$get({ param })).json()
  const devices =
    options.file === undefined ? rebased(manifest.spec.devices, splits) : readDevices(options.file)
  const answer = await api.tenants[':name'].devices.$put(
    { param, json: { devices } },
    { headers: { 'if-match': `"${revision}"` } },
  )
  const report = await answer.json()
  print(streams, options.output, report, () => {
    const what = report.changed === 0 ? 'unchanged' : 'changed'
    return `tenant/${tenant} devices ${what}\n`
  })
}

function rebased<Device extends { name: string; base: number; weight: number }>(
  devices: readonly Device[],
  splits: readonly string[],
): object[] {
  const bases = new Map<string, number>()
  for (const text of splits) {
    const [, name = '', base = ''] = /^([^=]+)=(\d+(?:\.\d+)?)$/.exec(text) ?? []
    if (name === '') throw new CliError('usage', `${text} is not NAME=BASE`)
    if (!devices.some((device) => device.name === name)) {
      throw new CliError('usage', `there is no device ${name}; name all devices in a file with -f`)
    }
    bases.set(name, Number(base))
  }
  return devices.map((device) => {
    const base = bases.get(device.name)
    if (base === undefined) return device
    // A weight that only followed the base goes on following it.
    return { ...device, base, weight: device.weight === device.base ? base : device.weight }
  })
}

/** A list of devices, alone or under `devices`. */
function readDevices(file: string): object[] {
  const value: unknown = parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  const list = Array.isArray(value) ? value : (value as { devices?: unknown } | null)?.devices
  if (!Array.isArray(list)) throw new CliError('usage', `${file} must hold a list of devices`)
  return list as object[]
}
