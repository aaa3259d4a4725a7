import {spawn} from 'node:child_process'
import {closeSync} from 'node:fs'
import {join} from 'node:path'
import type {Definition, Provision} from '../../definition/index.ts'
import {VpsError} from '../../errors.ts'
import {lockFile, serverPaths, throwIfAborted} from '../../host/index.ts'
import {memfd, nativeFile} from '../../native/index.ts'
import {attachWords} from '../attach.ts'
import {happened} from '../happened.ts'
import type {Context} from '../types.ts'
import {commandOf} from './command.ts'
import {ProvisionLog} from './log.ts'
import {type ProvisionState, pendingSteps, readState, withDone, writeState} from './state.ts'
import {type Step, stepsOf} from './steps.ts'

/**
 * Runs the commands of a running server that are not done yet, one after the other. A lock of its own, not the server's, is held
 * meanwhile: it may take minutes, and the server can be stopped. Killed anywhere, only what was being run is run again.
 * @returns the steps that were done, in order
 * @throws VpsError PROVISION_FAILED naming the step, its status and the last that it printed
 */
export async function provisionInside(
  context: Context,
  name: string,
  {provision}: Pick<Definition, 'provision'>,
): Promise<string[]> {
  const {paths, progress, signal} = context
  const {storage, log: logs} = serverPaths(paths, name)
  const all = stepsOf(provision)
  await using lock = await lockFile(join(storage, 'provision.lock'), {
    verb: 'provision',
    what: `the setting up of server ${name}`,
    progress,
    signal,
  })
  let state = readState(storage)
  const pending = pendingSteps(all, state).filter(({place}) => place === 'inside')
  const done: string[] = []
  if (pending.length > 0) {
    using log = new ProvisionLog(join(logs, 'provision.log'))
    for (const step of pending) {
      throwIfAborted(signal, `provision ${name}`)
      progress(`${name}: ${describe(step, provision)}`)
      state = await runStep({context, name, provision, all, state, log}, step)
      done.push(step.id)
    }
    happened(context, 'provisioned', name, {steps: done.length})
  }
  if (state.waiting) await writeState(storage, {...state, waiting: false})
  await lock.remove()
  return done
}

interface Run {
  readonly context: Context
  readonly name: string
  readonly provision: Provision
  readonly all: readonly Step[]
  readonly state: ProvisionState
  readonly log: ProvisionLog
}

/** Returns the state after it. What is known is on the disk before anybody is told. */
async function runStep(run: Run, step: Step): Promise<ProvisionState> {
  const {context, name, provision, all, state, log} = run
  const {storage} = serverPaths(context.paths, name)
  const command = commandOf(step, provision)
  log.begin(describe(step, provision), command.secrets)
  const words = await attachWords(context, name, {argv: command.argv, cwd: '/'})
  const outcome = await runAttached(words, command.input, chunk => log.add(chunk), context.signal)
  const last = log.end(outcome === '' ? 'done' : outcome)
  throwIfAborted(context.signal, `provision ${name}`)
  if (outcome === '') {
    const after = withDone(state, [step], all)
    await writeState(storage, after)
    return after
  }
  const failed = {step: step.id, reason: outcome, at: new Date().toISOString()}
  await writeState(storage, {...state, failed})
  happened(context, 'failed', name, {reason: `provision, ${step.id}: ${outcome}`})
  throw new VpsError(
    'PROVISION_FAILED',
    `server ${name} is not set up: ${describe(step, provision)}: ${outcome}`,
    {
      ...(last.length > 0 && {cause: new Error(['it printed last:', ...last].join('\n'))}),
      suggestions: [`see all that it printed in ${log.path}`, `carry on with \`vps provision ${name}\``],
    },
  )
}

/** Runs vps-attach; returns how it failed, or nothing. */
async function runAttached(
  words: Buffer,
  input: string,
  onOutput: (chunk: Buffer) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  const fd = memfd('vps-attach', words)
  const child = spawn(nativeFile('vps-attach'), [], {stdio: ['pipe', 'pipe', 'pipe', fd], env: {}})
  closeSync(fd)
  const stop = (): void => void child.kill('SIGTERM')
  signal?.addEventListener('abort', stop, {once: true})
  const ended = Promise.withResolvers<string>()
  child.once('error', ended.reject)
  child.once('close', (code, killed) =>
    ended.resolve(killed !== null ? `killed by ${killed}` : code === 0 ? '' : `status ${code}`),
  )
  child.stdout?.on('data', onOutput)
  child.stderr?.on('data', onOutput)
  child.stdin?.on('error', () => {}) // it need not read it
  child.stdin?.end(input)
  try {
    return await ended.promise
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

const LONGEST_SHOWN = 60

/** A step as people know it. References stand in it as they were written. */
function describe({kind, index, id}: Step, {packages, run}: Provision): string {
  if (kind === 'packages') return `packages ${shorten(packages.join(' '))}`
  if (kind === 'generate-locale') return 'locale-gen'
  const command = run[index] ?? []
  return `${id}, ${shorten(Array.isArray(command) ? command.join(' ') : command)}`
}

function shorten(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN - 1)}…` : line
}
