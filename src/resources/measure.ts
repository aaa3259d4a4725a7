import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {
  exists,
  type HostPaths,
  ifMissing,
  lockFile,
  makeDirectory,
  type Progress,
  writeFileAtomic,
} from '../host/index.ts'
import type {BlockDevice} from './block-device.ts'
import {handDownTo, prepareParent, removeCgroup} from './cgroup.ts'
import {type CgroupPlace, serverScope} from './cgroup-place.ts'
import {enterScope, leaveScope} from './scope.ts'

const KIB = 1024
/** What one read takes. */
const BLOCK = 64 * KIB
/** Without a ceiling: enough to tell the speed, nothing to notice. */
const FREE_BLOCKS = 16
/** The ceiling that is tried is at most this, and an eighth of what the device does without. */
const HIGHEST_CEILING = 4 * KIB * KIB
/** Below this the device is too slow to tell a ceiling from itself. */
const LOWEST_CEILING = 128 * KIB
/** Reading for this long at the ceiling … */
const READING_MS = 500
/** … takes a sixteenth of it or so without one. The first slice of 100 ms comes free. */
const HELD_MS = READING_MS / 2
const LONGEST_MS = 20_000

/** The kernel takes lines in io.max for it, and does not heed them. */
const WITHOUT_EFFECT = 'without-effect'

export interface MeasureOptions {
  /** Without it only what was found earlier counts. */
  readonly experiment: boolean
  readonly progress: Progress
}

/**
 * The devices (`MAJOR:MINOR`) on which io.max was tried and had no effect. Each is tried once in a boot: a little is read from it,
 * past the page cache, without and with a low ceiling. What cannot be tried is not held against the device.
 */
export async function ineffectiveDevices(
  paths: HostPaths,
  place: CgroupPlace,
  devices: readonly BlockDevice[],
  {experiment, progress}: MeasureOptions,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const device of devices) {
    const file = join(paths.run, 'measured', device.number.replace(':', '-'))
    const known = await ifMissing(readFile(file, 'utf8'), undefined)
    const outcome = known ?? (experiment ? await measure(paths, place, device, file, progress) : '')
    if (outcome.trim() === WITHOUT_EFFECT) found.add(device.number)
  }
  return found
}

async function measure(
  paths: HostPaths,
  place: CgroupPlace,
  device: BlockDevice,
  file: string,
  progress: Progress,
): Promise<string> {
  await using _lock = await lockFile(join(paths.locks, '.measure.lock'), {
    verb: 'measure',
    progress,
    what: 'a measurement of io.max',
  })
  const known = await ifMissing(readFile(file, 'utf8'), undefined) // by whoever had the lock before us
  if (known !== undefined) return known
  progress(`trying io.max on ${device.name}, once since the host booted`)
  const outcome = await tryCeiling(paths, place, device)
  await makeDirectory(join(paths.run, 'measured'), 0o700)
  await writeFileAtomic(file, `${outcome}\n`, {mode: 0o600, sync: false})
  return outcome
}

async function tryCeiling(paths: HostPaths, place: CgroupPlace, device: BlockDevice): Promise<string> {
  const path = `/dev/${device.name}`
  if (!(await exists(path))) return 'unknown: there is no device file'
  await using reader = await Reader.start(paths, place, path)
  const free = await reader.read(FREE_BLOCKS)
  if (free === undefined) return 'unknown: it cannot be read past the page cache'
  const rate = (FREE_BLOCKS * BLOCK * 1000) / Math.max(free, 1)
  const ceiling = Math.floor(Math.min(HIGHEST_CEILING, rate / 8) / BLOCK) * BLOCK
  if (ceiling < LOWEST_CEILING) return 'unknown: it is too slow to tell'
  await writeFile(join(reader.group, 'io.max'), `${device.number} rbps=${ceiling}`, {flag: 'r+'})
  const held = await reader.read(Math.ceil((ceiling * READING_MS) / 1000 / BLOCK))
  if (held === undefined) return 'unknown: reading failed'
  return held < HELD_MS ? WITHOUT_EFFECT : 'works'
}

/** A shell in a throw-away cgroup that reads as many blocks as it is told. Beside the servers, where no server can be. */
class Reader implements AsyncDisposable {
  readonly group: string
  readonly #paths: HostPaths
  readonly #place: CgroupPlace
  readonly #shell: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(paths: HostPaths, place: CgroupPlace, device: string) {
    this.#paths = paths
    this.#place = place
    this.group = join(place.directory(NAME), 'reader')
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, device], {stdio: ['pipe', 'pipe', 'ignore'], cwd: '/'})
    const {stdout} = this.#shell
    if (stdout === null) throw new Error('the shell has no output')
    this.#answers = createInterface({input: stdout})[Symbol.asyncIterator]()
  }

  static async start(paths: HostPaths, place: CgroupPlace, device: string): Promise<Reader> {
    await prepareParent(place, ['io'])
    await using undo = new AsyncDisposableStack()
    const reader = undo.use(new Reader(paths, place, device))
    await reader.#enter()
    undo.move()
    return reader
  }

  /** Milliseconds; `undefined` when it cannot be read. */
  async read(blocks: number): Promise<number | undefined> {
    const begin = performance.now()
    this.#shell.stdin?.write(`${blocks}\n`)
    const timer = setTimeout(() => this.#shell.kill('SIGKILL'), LONGEST_MS)
    const answer = await this.#answers.next()
    clearTimeout(timer)
    return answer.done === true || answer.value !== '0' ? undefined : performance.now() - begin
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const directory = this.#place.directory(NAME)
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) {
      const ended = once(this.#shell, 'exit')
      this.#shell.kill('SIGKILL')
      await ended
    }
    await removeCgroup(directory, {keepTop: this.#place.systemd})
    if (this.#place.systemd) await leaveScope(serverScope(this.#paths, NAME), NAME, directory)
  }

  async #enter(): Promise<void> {
    const {systemd} = this.#place
    const directory = this.#place.directory(NAME)
    const pid = this.#shell.pid ?? 0
    if (systemd)
      await enterScope({
        scope: serverScope(this.#paths, NAME),
        server: NAME,
        pid,
        stopTimeoutMs: 0,
        properties: [],
      })
    await mkdir(this.group, {recursive: true})
    await writeFile(join(this.group, 'cgroup.procs'), String(pid))
    await handDownTo(directory, ['io'])
  }
}

/** No server has a name with a dot. */
const NAME = '.measure'

const SCRIPT = `while read -r count; do
  dd if="$0" of=/dev/null bs=${BLOCK} count="$count" iflag=direct
  echo $?
done`
