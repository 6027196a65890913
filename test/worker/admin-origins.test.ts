import { expect, it } from 'vitest'
import { API, adminOf, node, problem, ROOT } from './admin-client.ts'

const origin = (url: string) => node('o', { capacity: 1, origin: { url } })

it.each([
  'https://127.1/',
  'https://0x7f.1/',
  'https://169.254.169.254/latest/',
  'https://localhost./',
  'https://intranet/',
  'https://other.example/',
])('an origin the operator did not allow is 400 and changes nothing: %s', async (url) => {
  const ask = adminOf('origins', { STINT_ADMIN_TOKEN: ROOT, STINT_ORIGINS: '*.example.com' })
  const applied = await ask(`${API}/apply`, { method: 'POST', json: [origin(url)] })
  expect(await problem(applied)).toMatchObject({ status: 400, code: 'origin-not-allowed' })
  const put = await ask(`${API}/nodes/o`, {
    method: 'PUT',
    json: origin(url),
    headers: { 'If-None-Match': '*' },
  })
  expect(put.status).toBe(400)
  expect((await ask(`${API}/nodes/o`)).status).toBe(404)
})

it('an origin the operator allowed is taken, and none without a list', async () => {
  const json = [origin('https://api.example.com/v1')]
  const closed = adminOf('origins-closed')
  expect((await closed(`${API}/apply`, { method: 'POST', json })).status).toBe(400)
  const open = adminOf('origins-open', { STINT_ADMIN_TOKEN: ROOT, STINT_ORIGINS: 'api.example.com' })
  expect((await open(`${API}/apply`, { method: 'POST', json })).status).toBe(200)
})
