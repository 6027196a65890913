import { workerData } from 'node:worker_threads'
import { ATTACKS } from './attacks.ts'

const { name, port } = workerData as { name: string; port: number }
for (const begin of ATTACKS[name]!) begin(port)
