import { Balance, scaleOf } from './balance.tsx'
import { amount } from './format.ts'
import type { Live } from './live.ts'
import { Scroll } from './scroll.tsx'

/** The devices of the chosen tenant, or of the only one there is. */
export function Devices({ live, chosen }: { live: Live; chosen: string | undefined }) {
  const [only] = live.tenants.size === 1 ? live.tenants.keys() : []
  const name = chosen ?? only
  const devices = live.tenants.get(name ?? '')?.devices ?? []
  if (name === undefined || devices.length === 0) return null
  const scale = scaleOf(devices)
  return (
    <section class="panel" aria-labelledby="devices">
      <h2 id="devices">Devices of {name}</h2>
      <Scroll name="Table of devices">
        <table class="tenants">
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col" class="bars">
                Balance
              </th>
              <th scope="col">Admitted/s</th>
              <th scope="col">Refused/s</th>
            </tr>
          </thead>
          <tbody>
            {devices.map((device) => {
              const rates = live.deviceRates(name, device.name)
              return (
                <tr key={device.name}>
                  <th scope="row">{device.name}</th>
                  <td class="bars">
                    <Balance tenant={device} scale={scale} />
                  </td>
                  <td>{amount(rates.admitted)}</td>
                  <td class={rates.refused > 0 ? 'refused' : ''}>{amount(rates.refused)}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}
