import {existsSync} from 'node:fs'
import {availableParallelism} from 'node:os'
import {join} from 'node:path'
import type {Definition} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {type HostPaths, type Lock, lockFile, pause, serverPaths} from '../host/index.ts'
import {showImage} from '../image/index.ts'
import {listDirectory} from './journal.ts'
import {requireServer} from './known.ts'
import {loadValid} from './plan.ts'
import {
  answerCall,
  type GeneratedPassword,
  hasCall,
  pendingOf,
  provisionFiles,
  provisionInside,
  readState,
  stepsOf,
  writeState,
} from './provision/index.ts'
import {readRecord} from './record.ts'
import {readRun} from './run-state.ts'
import {openSession, wrongState} from './session.ts'
import type {Context} from './types.ts'

export interface ProvisionOptions {
  /** Does everything once more, what is done included. */
  readonly again?: boolean | undefined
}

/** What setting up a server came to. */
export interface ProvisionReport {
  readonly name: string
  /** Steps that were done now, in order: `user admin`, `file /etc/motd`, `packages`, `run 1`. */
  readonly done: readonly string[]
  /** Commands that wait for the server to run. */
  readonly waiting: readonly string[]
  /** The log of what commands printed. */
  readonly log: string
  /** Passwords that were made. They are told here only. */
  readonly generated: readonly GeneratedPassword[]
}

/** `vps provision`: does what the definition asks for and is not done yet. The server's lock is held only while its root is written. */
export async function provision(
  context: Context,
  name: string,
  options: ProvisionOptions,
): Promise<ProvisionReport> {
  const files = serverPaths(context.paths, name)
  const {definition, done, generated, runs} = await provisionRoot(context, name, options.again === true)
  const report = {name, log: join(files.log, 'provision.log'), generated}
  const waiting = pendingOf(files.storage, definition).map(({id}) => id)
  if (!runs || waiting.length === 0) return {...report, done, waiting}
  await untilUp(context, name)
  const inside = await provisionInside(context, name, definition)
  return {...report, done: [...done, ...inside], waiting: []}
}

interface Prepared {
  readonly definition: Definition
  readonly done: readonly string[]
  readonly generated: readonly GeneratedPassword[]
  readonly runs: boolean
}

async function provisionRoot(context: Context, name: string, again: boolean): Promise<Prepared> {
  const {paths} = context
  await using _session = await openSession(context, 'provision', name)
  requireServer(context, name)
  const {storage} = serverPaths(paths, name)
  const record = readRecord(paths, name)
  if (record === undefined)
    throw wrongState(`server ${name} is not created yet`, `create it with \`vps create ${name}\``)
  const {definition} = await loadValid(context, name)
  const runs = readRun(paths, name).kind === 'alive'
  const todo = again ? stepsOf(definition.provision) : pendingOf(storage, definition)
  const files = todo.filter(({place}) => place === 'root')
  if (runs && files.length > 0)
    throw wrongState(
      `server ${name} is running: users and files are written into it while it is stopped`,
      again ? `stop it first: \`vps stop ${name}\`` : `restart it: \`vps restart ${name} --wait\``,
    )
  const {failed: _, ...state} = readState(storage)
  if (again || todo.length > 0) await writeState(storage, again ? {steps: {}} : state)
  const generated =
    files.length > 0
      ? await provisionFiles({storage, definition, image: await showImage(record.image, {paths})})
      : []
  return {definition, done: files.map(({id}) => id), generated, runs}
}

/** After a start that is waited for: until the server is set up. */
export async function provisionStarted(context: Context, name: string): Promise<void> {
  const {storage} = serverPaths(context.paths, name)
  if (!readState(storage).waiting) return
  const {definition} = await loadValid(context, name)
  await untilUp(context, name)
  await provisionInside(context, name, definition)
}

/** Sets up all running servers that wait for it. Where another process is at it already, that one does it. */
export async function provisionWaiting(context: Context): Promise<string[]> {
  const {paths} = context
  const done: string[] = []
  while (hasCall(paths) || waitingServers(paths).length > 0) {
    const lock = await workerLock(context)
    if (lock === undefined) return done
    await using _lock = lock
    answerCall(paths)
    const servers = waitingServers(paths)
    await inParallel(servers, name => settle(context, name))
    done.push(...servers)
  }
  return done
}

/** Undefined when another process has it. The dot keeps it apart from the locks of servers. */
async function workerLock({paths}: Context): Promise<Lock | undefined> {
  try {
    return await lockFile(join(paths.locks, '.provision.lock'), {
      verb: 'provision --waiting',
      what: 'the setting up of servers',
      wait: false,
    })
  } catch (error) {
    if (error instanceof VpsError && error.code === 'BUSY') return undefined
    throw error
  }
}

/** What fails is noted in the server's state, and not tried again by itself. */
async function settle(context: Context, name: string): Promise<void> {
  try {
    await provisionStarted(context, name)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.notice(reason)
    const {storage} = serverPaths(context.paths, name)
    if (!existsSync(storage)) return // destroyed meanwhile
    const state = readState(storage)
    const failed = state.failed ?? {step: 'start', reason, at: new Date().toISOString()}
    await writeState(storage, {...state, failed})
  }
}

/** Until init says that it is up. A server's health may depend on what is set up here, so that is not waited for. */
async function untilUp({paths, signal}: Context, name: string): Promise<void> {
  const deadline = performance.now() + UP_TIMEOUT_MS
  for (;;) {
    const run = readRun(paths, name)
    if (run.kind !== 'alive') throw notUp(name, 'ended before it was up')
    if (run.state.ready) return
    if (performance.now() > deadline)
      throw notUp(name, `did not say within ${UP_TIMEOUT_MS / 1000} s that it is up`)
    await pause(LOOK_EVERY_MS, signal, `provision ${name}`)
  }
}

const UP_TIMEOUT_MS = 120_000
const LOOK_EVERY_MS = 50

function notUp(name: string, how: string): VpsError {
  return new VpsError('NOT_READY', `server ${name} ${how}: it is not set up`, {
    suggestions: [`see what it said with \`vps logs ${name}\``],
  })
}

async function inParallel(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const queue = names.values()
  const worker = async (): Promise<void> => {
    for (const name of queue) await work(name)
  }
  await Promise.all(Array.from({length: 2 * availableParallelism()}, worker))
}

function waitingServers(paths: HostPaths): string[] {
  return listDirectory(paths.servers).filter(name => {
    if (name.startsWith('.')) return false // a journal
    const {waiting, failed} = readState(serverPaths(paths, name).storage)
    return waiting === true && failed === undefined && readRun(paths, name).kind === 'alive'
  })
}
