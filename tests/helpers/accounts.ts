import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {serverPaths} from '../../src/host/index.ts'
import {request} from '../../src/server/control.ts'
import type {ScratchHost} from './host.ts'
import {quietly} from './processes.ts'

/** A counter of the ledger: what earlier runs came to, and this one. */
export interface Count {
  readonly base: number
  readonly run: number
}

/** A line of log/refusals, as the supervisor writes it. */
export interface RefusalLine {
  readonly time: number
  readonly resource: string
  readonly kind: string
  readonly count: number
  readonly held: string
  readonly limit: string
  readonly process: string
}

/** What a supervisor writes about its server, read without vps; texts are undefined when there is no such file. */
export class Accounts {
  readonly storage: string
  readonly #socket: string

  constructor(host: ScratchHost, name: string) {
    const {storage, socket} = serverPaths(host.paths, name)
    this.storage = storage
    this.#socket = socket
  }

  /** Has the supervisor save its account, or begin anew. */
  async ask(word: 'account' | 'reset-usage'): Promise<void> {
    await request(this.#socket, [word])
  }

  get text(): string | undefined {
    return quietly(() => readFileSync(join(this.storage, 'usage'), 'utf8'))
  }

  get counts(): ReadonlyMap<string, Count> {
    const lines = (this.text ?? '').split('\n').slice(3, -1)
    return new Map(
      lines.map(line => {
        const [name = '', base, run] = line.split(' ')
        return [name, {base: Number(base), run: Number(run)}] as const
      }),
    )
  }

  get since(): number {
    return Number(/^since (\d+)$/m.exec(this.text ?? '')?.[1])
  }

  /** Base and run together; NaN: no such line. */
  total(name: string): number {
    const {base, run} = this.counts.get(name) ?? {base: Number.NaN, run: Number.NaN}
    return name.endsWith('_peak') ? Math.max(base, run) : base + run
  }

  /** The lines of the present month. */
  get month(): ReadonlyMap<string, number> {
    const name = new Date().toISOString().slice(0, 7)
    const text = quietly(() => readFileSync(join(this.storage, 'months', name), 'utf8')) ?? ''
    return new Map(text.split('\n').map(line => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]))
  }

  get refusals(): RefusalLine[] {
    const text = quietly(() => readFileSync(join(this.storage, 'log/refusals'), 'utf8')) ?? ''
    return text
      .split('\n')
      .slice(0, -1)
      .map(line => {
        const [time, resource = '', kind = '', count, held = '', limit = '', process = '', ...rest] =
          line.split('\t')
        if (rest.length > 0) throw new Error(`too many fields: ${line}`)
        return {time: Number(time), resource, kind, count: Number(count), held, limit, process}
      })
  }

  /** The sum of the lines of a kind. */
  refused(resource: string, kind: string): number {
    return this.refusals
      .filter(line => line.resource === resource && line.kind === kind)
      .reduce((sum, {count}) => sum + count, 0)
  }
}
