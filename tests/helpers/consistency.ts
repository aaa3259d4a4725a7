import {existsSync, globSync, lstatSync, readdirSync, readFileSync, readlinkSync} from 'node:fs'
import {join} from 'node:path'
import {serverPaths} from '../../src/host/index.ts'
import {interfacePrefix} from '../../src/network/index.ts'
import type {ScratchHost} from './host.ts'
import {isAlive, listProcesses, quietly, readProcess} from './processes.ts'

/** What a server is, as its files and processes say. */
export type Standing = 'none' | 'stopped' | 'running'

/** Whether it exists and whether it runs; nothing is asked of vps. */
export function standingOf(host: ScratchHost, name: string): Standing {
  const {storage} = serverPaths(host.paths, name)
  if (!existsSync(storage)) return 'none'
  return isRunning(host, name) ? 'running' : 'stopped'
}

/** The lines of a state file. */
export function stateOf(host: ScratchHost, name: string): ReadonlyMap<string, string> | undefined {
  const text = quietly(() => readFileSync(serverPaths(host.paths, name).state, 'utf8'))
  return text === undefined ? undefined : new Map(text.split('\n').map(splitPair))
}

function splitPair(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(0, at), line.slice(at + 1)]
}

function isRunning(host: ScratchHost, name: string): boolean {
  const state = stateOf(host, name)
  if (state === undefined) return false
  const supervisor = readProcess(Number(state.get('supervisor')))
  return supervisor !== undefined && !supervisor.zombie && supervisor.start === state.get('supervisor_start')
}

/** The cgroup of a server, if it is there. */
export function cgroupsOf(host: ScratchHost, name: string): string[] {
  return [host.cgroup(name)].filter(existsSync)
}

/** Everyone in a server's cgroups: its supervisor, its processes, commands run in it. */
export function processesOf(host: ScratchHost, name: string): number[] {
  return cgroupsOf(host, name).flatMap(top =>
    globSync('**/cgroup.procs', {cwd: top}).flatMap(file =>
      (quietly(() => readFileSync(join(top, file), 'utf8')) ?? '').split('\n').filter(Boolean).map(Number),
    ),
  )
}

/**
 * Everything about `names` that is not as it must be when no command is at work on them; empty when all is well. A server
 * that is none may have nothing left, one that is stopped only files, one that runs all of it.
 */
export function inconsistencies(host: ScratchHost, names: readonly string[]): string[] {
  return [
    ...names.flatMap(name => ofServer(host, name)),
    ...ofDirectories(host, names),
    ...ofMounts(host),
    ...ofProcesses(host, names),
  ]
}

function ofServer(host: ScratchHost, name: string): string[] {
  const {definition, storage, record, run, lock, upper, work} = serverPaths(host.paths, name)
  const standing = standingOf(host, name)
  const problems: string[] = []
  const must = (is: boolean, wanted: boolean, what: string): void => {
    if (is !== wanted)
      problems.push(`${name} is ${standing}, and ${wanted ? 'has no' : 'there is a'} ${what}`)
  }
  must(existsSync(definition), standing !== 'none', 'definition')
  must(existsSync(upper) && existsSync(work), standing !== 'none', 'layer')
  must(existsSync(run), standing === 'running', 'run directory')
  must(cgroupsOf(host, name).length > 0, standing === 'running', 'cgroup')
  if (standing === 'none') must(existsSync(lock), false, 'lock file')
  const slots = slotsOf(host, name)
  if (standing === 'none') must(slots.length > 0, false, 'id range')
  else {
    const slot = quietly(() => JSON.parse(readFileSync(record, 'utf8')).slot)
    if (slots.length !== 1 || slots[0] !== String(slot))
      problems.push(`${name}'s record says id range ${slot}, and it owns ${slots.join(', ') || 'none'}`)
  }
  if (standing === 'none') must(addressesOf(host, name).length > 0, false, 'address')
  if (standing !== 'running') must(linksOf(host, name).length > 0, false, 'link on the host')
  if (standing === 'running') problems.push(...ofRunning(host, name))
  if (existsSync(storage) && lstatSync(storage).mode & 0o077) problems.push(`${storage} is open to others`)
  return problems
}

function slotsOf(host: ScratchHost, name: string): string[] {
  return (quietly(() => readdirSync(host.paths.ids)) ?? []).filter(
    slot => quietly(() => readlinkSync(join(host.paths.ids, slot))) === name,
  )
}

function addressesOf({paths}: ScratchHost, name: string): string[] {
  return (quietly(() => readdirSync(paths.addresses)) ?? []).filter(
    address => quietly(() => readlinkSync(join(paths.addresses, address)))?.split(' ')[0] === name,
  )
}

/** By the names that short names of servers give them. */
function linksOf({paths}: ScratchHost, name: string): string[] {
  const end = `${interfacePrefix(paths)}${name}`
  return readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .map(line => line.trim().split(':')[0] ?? '')
    .filter(link => link === end || link.startsWith(`${end}.`))
}

function ofRunning(host: ScratchHost, name: string): string[] {
  const state = stateOf(host, name)
  const init = state?.get('init') ?? ''
  if (!isAlive(Number(init))) return [`${name} runs, and its init ${init} does not`]
  const procs =
    quietly(() => readFileSync(join(state?.get('cgroup') ?? '', 'payload/cgroup.procs'), 'utf8')) ?? ''
  return procs.split('\n').includes(init) ? [] : [`${name}'s init ${init} is not in its cgroup`]
}

/** No journals, no temporary files, no directory of a server that is none of `names`. */
function ofDirectories({paths}: ScratchHost, names: readonly string[]): string[] {
  const entries = (directory: string): string[] =>
    (quietly(() => readdirSync(directory)) ?? []).map(entry => join(directory, entry))
  const hidden = [
    paths.definitions,
    paths.servers,
    paths.ids,
    paths.addresses,
    paths.runServers,
    paths.images,
  ].flatMap(directory => entries(directory).filter(entry => /\/\.[^/]+$/.test(entry)))
  const own = names
    .flatMap(name => entries(serverPaths(paths, name).storage))
    .filter(path => /\.tmp$/.test(path))
  const strange = entries(paths.runServers).filter(path => !names.includes(path.replace(/.*\//, '')))
  return [...hidden, ...own, ...strange].map(path => `left behind: ${path}`)
}

/** A server's mounts are in namespaces of its own: the host sees none of them. */
function ofMounts({root}: ScratchHost): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(target => target.startsWith(`${root}/`))
    .map(target => `mounted: ${target}`)
}

/** In the cgroups of this host is nobody but the running servers' own; no command of it is left at work. */
function ofProcesses(host: ScratchHost, names: readonly string[]): string[] {
  const supervisors = new Set(
    names.filter(name => isRunning(host, name)).map(name => Number(stateOf(host, name)?.get('supervisor'))),
  )
  return listProcesses()
    .filter(({zombie}) => !zombie)
    .flatMap(({pid, command}) => {
      const environment = quietly(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? ''
      if (environment.split('\0').includes(`VPS_ROOT=${host.root}`)) return [`at work: ${pid} ${command}`]
      const [, title] = /^vps-supervisor: (.*)$/.exec(command) ?? []
      const group =
        title === undefined ? undefined : quietly(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
      const ours = new RegExp(`/${host.paths.cgroupName}(/|\\.slice/)`).test(group ?? '')
      return ours && !supervisors.has(pid) ? [`stray: ${pid} ${command}`] : []
    })
}

/** As `inconsistencies`, after giving what ends by itself (a killed command's helpers) the time to do so. */
export async function settledInconsistencies(
  host: ScratchHost,
  names: readonly string[],
  patienceMs = 2_000,
): Promise<string[]> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const problems = inconsistencies(host, names)
    if (problems.length === 0 || performance.now() > deadline) return problems
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
