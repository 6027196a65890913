import { describe, test } from 'vitest'
import { granted, near, offered } from './reference.ts'

const KB = 1000
const PACKET = 500
const packets = (kBps: number) => (kBps * KB) / PACKET
/** The second of settling that a change of the offered load may take. */
const SETTLE_S = 1

// HTB user guide (Devera/Cohen, 5.5.2002), section 3: http://luxik.cdi.cz/~devik/qos/htb/manual/userg.htm
const WEB = offered(
  [
    [0, 3, packets(90)],
    [6, 21, packets(90)],
  ],
  PACKET,
)
const MAIL = offered(
  [
    [0, 9, packets(90)],
    [12, 18, packets(90)],
  ],
  PACKET,
)
const OTHER = offered([[0, 15, packets(90)]], PACKET)
const INTERVALS = [0, 3, 6, 9, 12, 15, 18].map((fromS) => [fromS + SETTLE_S, fromS + 3] as const)

describe('HTB user guide, 100 kB/s, packets of 500 bytes', () => {
  test('three classes of one parent: shares by rate, kept within 3 %', () => {
    const { windows } = granted(
      {
        capacity: 100 * KB,
        roundMs: 100,
        tenants: [
          { name: '1:10', base: 30 * KB, ceiling: 100 * KB, traffic: WEB },
          { name: '1:11', base: 10 * KB, ceiling: 100 * KB, traffic: MAIL },
          { name: '1:12', base: 60 * KB, ceiling: 100 * KB, traffic: OTHER },
        ],
      },
      INTERVALS,
    )
    const expected = [
      [30, 10, 60],
      [0, 14.29, 85.71],
      [30, 10, 60],
      [33.33, 0, 66.67],
      [30, 10, 60],
      [75, 25, 0],
      [90, 0, 0],
    ]
    expected.forEach((shares, i) => {
      ;['1:10', '1:11', '1:12'].forEach((name, k) => {
        near(windows[i]![name], shares[k]! * KB, 0.03, `interval ${i} ${name}`)
      })
    })
  })

  // Section 4, "Sharing hierarchy": customer A has web 30 and mail 10, customer B 60.
  test.each([
    {
      name: 'link sharing between the customers and inside A',
      ceilings: [100, 100, 100],
      expected: [
        [30, 10, 60],
        [0, 40, 60],
        [30, 10, 60],
        [40, 0, 60],
        [30, 10, 60],
        [75, 25, 0],
        [90, 0, 0],
      ],
    },
    {
      name: 'with ceilings: A 60, web 60, mail 20',
      ceilings: [60, 60, 20],
      expected: [
        [30, 10, 60],
        [0, 20, 80],
        [30, 10, 60],
        [40, 0, 60],
        [30, 10, 60],
        [45, 15, 0],
        [60, 0, 0],
      ],
    },
  ])('the hierarchy: $name', ({ ceilings, expected }) => {
    const [a, web, mail] = ceilings.map((ceiling) => ceiling * KB)
    const { windows } = granted(
      {
        capacity: 100 * KB,
        roundMs: 100,
        tenants: [
          {
            name: 'A',
            base: 40 * KB,
            ceiling: a,
            devices: [
              { name: 'web', base: 30 * KB, ceiling: web, traffic: WEB },
              { name: 'mail', base: 10 * KB, ceiling: mail, traffic: MAIL },
            ],
          },
          { name: 'B', base: 60 * KB, traffic: OTHER },
        ],
      },
      INTERVALS,
    )
    expected.forEach((shares, i) => {
      ;['A/web', 'A/mail', 'B'].forEach((name, k) => {
        near(windows[i]![name], shares[k]! * KB, 0.05, `interval ${i} ${name}`)
      })
    })
  })
})
