import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuiltWorker, buildWorker } from '../build.ts'
import { Admin } from './admin.ts'
import { type RunningWorkerd, startWorkerd, type WorkerdOptions } from './workerd.ts'

/** What a local Stint is given besides its manifest. */
export interface LocalOptions extends Pick<WorkerdOptions, 'vars' | 'services' | 'entrypoints'> {
  /** Another Worker than Stint's own: the file it begins with, and the folder it is built into. */
  readonly worker?: { readonly entry: string; readonly folder: string }
}

/** A self-hosted Stint on workerd for tools and black-box tests: state in a folder of its own, a manifest applied. */
export class LocalStint {
  readonly port: number
  readonly admin: Admin
  readonly #built: BuiltWorker
  readonly #stateFolder: string
  readonly #secret: string
  readonly #options: LocalOptions
  #workerd: RunningWorkerd | undefined

  private constructor(built: BuiltWorker, port: number, options: LocalOptions) {
    this.#options = options
    this.#built = built
    this.port = port
    this.#stateFolder = mkdtempSync(join(tmpdir(), 'stint-'))
    this.#secret = randomBytes(32).toString('base64url')
    this.admin = new Admin(`http://127.0.0.1:${port}`, this.#secret)
  }

  /** Builds, starts and applies. @throws Error when the port is in use or the manifest is not accepted. */
  static async start(port: number, manifest: string, options: LocalOptions = {}): Promise<LocalStint> {
    const built = await buildWorker(options.worker?.entry, options.worker?.folder)
    const local = new LocalStint(built, port, options)
    try {
      await local.restart()
      await local.admin.apply(manifest)
    } catch (error) {
      await local.dispose()
      throw error
    }
    return local
  }

  /** The secret of its admin API. */
  get token(): string {
    return this.#secret
  }

  /** Process id of workerd. */
  get pid(): number {
    return this.#workerd!.child.pid!
  }

  /** Starts workerd on the state that is there. @param vars more text bindings, for this run alone */
  async restart(vars: WorkerdOptions['vars'] = {}): Promise<void> {
    const { services, entrypoints } = this.#options
    this.#workerd = await startWorkerd({
      built: this.#built,
      port: this.port,
      stateFolder: this.#stateFolder,
      ...(services === undefined ? {} : { services }),
      ...(entrypoints === undefined ? {} : { entrypoints }),
      vars: { STINT_ADMIN_TOKEN: this.#secret, STINT_LOG: 'errors', ...this.#options.vars, ...vars },
    })
  }

  /** Ends workerd as a power cut would. It has no child processes, so this is the whole tree. */
  async kill(): Promise<void> {
    await this.#workerd?.kill()
  }

  /** Ends workerd and removes the state. */
  async dispose(): Promise<void> {
    await this.#workerd?.kill()
    rmSync(this.#stateFolder, { recursive: true, force: true })
  }
}
