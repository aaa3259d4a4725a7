import {mkdirSync, rmdirSync, writeFileSync} from 'node:fs'
import {mkdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {findCgroup2, readMounts, serverPaths} from '../../src/host/index.ts'
import {encode, type LaunchPlan, type LaunchStep} from '../../src/launch/index.ts'
import {launch} from '../../src/native/index.ts'
import {type Report, readReport} from '../../src/server/report.ts'
import type {ScratchHost} from './host.ts'
import {createServers, type Wanted} from './servers.ts'

/** Steps about cgroups, of which a plan made by hand has only those that its test adds. */
const CGROUP_OPS = ['controllers', 'cgroup-write', 'devices']

/** A step as a test writes it: the operation, then its arguments. */
export type Words = readonly [op: string, ...args: string[]]

/** Runs servers by plans that a test changes, in cgroups of its own: what `vps start` decides is left out. */
export class HandMade implements Disposable {
  readonly #host: ScratchHost
  readonly #mount: string
  /** Where the cgroups are. */
  readonly parent: string

  private constructor(host: ScratchHost, mount: string) {
    this.#host = host
    this.#mount = mount
    this.parent = join(mount, `vps-hand-${process.pid}-${Math.random().toString(36).slice(2, 8)}`)
    mkdirSync(this.parent)
  }

  /** In a parent cgroup that has whatever controllers this machine can hand down. */
  static async begin(host: ScratchHost): Promise<HandMade> {
    const found = await findCgroup2(await readMounts())
    if (found === null) throw new Error('no cgroup2 file system is mounted')
    const made = new HandMade(host, found.mount)
    for (const directory of [made.#mount, made.parent])
      for (const controller of await made.controllers(directory))
        await writeFile(join(directory, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
    return made
  }

  /** The controllers that a cgroup has; default: those that a server could have. */
  async controllers(directory = this.parent): Promise<string[]> {
    const text = await readFile(join(directory, 'cgroup.controllers'), 'utf8')
    return text.split(/\s/).filter(word => word !== '')
  }

  cgroup(name: string): string {
    return join(this.parent, name)
  }

  payload(name: string, file = ''): string {
    return join(this.cgroup(name), 'payload', file)
  }

  /** Creates a server, see `createServers`. */
  async create(name: string, wanted: Wanted = {}): Promise<void> {
    await createServers(this.#host, {[name]: {network: 'none', ...wanted}})
  }

  /** Starts a created server; `add` steps go in after the cgroup is made, `change` has the last word. */
  async start(
    name: string,
    add: readonly Words[],
    change: (steps: readonly LaunchStep[]) => readonly LaunchStep[] = steps => steps,
  ): Promise<Report> {
    const [plan] = await this.#host.json<[LaunchPlan]>(['start', name, '--explain'])
    const {run, planJson} = serverPaths(this.#host.paths, name)
    await mkdir(run, {recursive: true, mode: 0o700})
    const {'await-scope': _, ...settings} = plan.settings
    const steps = plan.steps
      .filter(({op}) => !CGROUP_OPS.includes(op))
      .flatMap(step =>
        step.op === 'cgroup' ? [{...step, arguments: [this.cgroup(name)]}, ...add.map(toStep)] : [step],
      )
    const made = {settings: {...settings, cgroup: this.cgroup(name)}, steps: change(steps)}
    writeFileSync(planJson, JSON.stringify(made)) // attached commands are confined as it says
    return await readReport((await launch({name, words: encode(made)})).reportFd)
  }

  /** All servers must have stopped. */
  [Symbol.dispose](): void {
    rmdirSync(this.parent)
  }
}

export function toStep([op, ...args]: Words): LaunchStep {
  return {op, arguments: args, origin: null}
}

/** Puts steps before the first of operation `op`. */
export function insertBefore(steps: readonly LaunchStep[], op: string, add: readonly Words[]): LaunchStep[] {
  const at = steps.findIndex(step => step.op === op)
  return [...steps.slice(0, at), ...add.map(toStep), ...steps.slice(at)]
}
