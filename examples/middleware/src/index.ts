import { Hono } from 'hono'
import { type CoordinatorObject, type EdgeEnv, isolate } from 'stint'
import { formatManifestError, parseManifests } from 'stint/manifest'

export { CoordinatorObject, NodeObject } from 'stint'

/** One machine of 60 requests/s, and two teams that share it. */
const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: main }
spec: { capacity: 60 }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: red }
spec: { base: 40 }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: blue }
spec: { base: 20, maxWaitMs: 500 }
`

const app = new Hono<{ Bindings: EdgeEnv }>()

// Protect this route as you protect your other operators' routes.
app.post('/setup', async (c) => {
  const parsed = parseManifests([{ file: 'setup', text: MANIFEST }])
  if (!parsed.ok) return c.text(parsed.error.map(formatManifestError).join('\n'), 400)
  const objects = c.env.COORDINATOR as DurableObjectNamespace<CoordinatorObject>
  const applied = await objects.getByName('main').apply(parsed.value)
  return applied.ok ? c.json(applied.value) : c.json(applied.error, 409)
})

app.use(
  isolate({
    tenant: (c) => c.req.header('X-Team'),
    cost: (c) => (c.req.method === 'POST' ? 5 : 1),
  }),
)

app.get('/', (c) => c.text(`hello, ${c.req.header('X-Team')}`))

// The true cost is known only afterwards: reserved are 5 tokens, what is not needed is given back.
app.post('/answer', async (c) => {
  const question = await c.req.text()
  c.header('Stint-Cost', String(Math.min(5, Math.ceil(question.length / 100))))
  return c.text(`you asked ${question.length} characters`)
})

export default app
