import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {ifMissing} from '../host/index.ts'
import {type Group, type Limit, presentValue} from './limit.ts'

/** systemd writes a unit's files a moment after it has answered. */
export const WRITTEN_MS = 5_000

/** The directory of a group of the server whose cgroup is `cgroup`. */
export function groupDirectory(cgroup: string, group: Group): string {
  return group === 'server' ? cgroup : join(cgroup, group)
}

/** What the kernel has for a limit now; `undefined` when there is no such file. */
export async function readLimit(
  cgroup: string,
  limit: Pick<Limit, 'group' | 'file' | 'value'>,
): Promise<string | undefined> {
  const path = join(groupDirectory(cgroup, limit.group), limit.file)
  const text = await ifMissing(readFile(path, 'utf8'), undefined)
  return text === undefined ? undefined : presentValue(limit, text)
}

/** A limit's file is not there, though its controller is: this kernel was built without it. */
export class NoSuchLimit extends Error {
  readonly file: string

  constructor(file: string) {
    super(`cgroups have no ${file} here`)
    this.file = file
  }
}

/**
 * Waits until the kernel has what was asked of systemd.
 * @throws NoSuchLimit for a file that will not come
 * @throws VpsError LIMIT_NOT_KEPT (exit 5) after five seconds
 */
export async function awaitLimits(cgroup: string, limits: readonly Limit[]): Promise<void> {
  for (const limit of limits) {
    await awaitController(cgroup, limit.controller)
    if ((await readLimit(cgroup, limit)) === undefined) throw new NoSuchLimit(limit.file)
    await awaitLimit(cgroup, limit, WRITTEN_MS)
  }
}

/** Its files come with it. After the patience they are as good as missing. */
async function awaitController(cgroup: string, controller: string): Promise<void> {
  const deadline = performance.now() + WRITTEN_MS
  for (let pause = 1; performance.now() < deadline; pause = Math.min(pause * 2, 50)) {
    const names = await ifMissing(readFile(join(cgroup, 'cgroup.controllers'), 'utf8'), '')
    if (names.trim().split(' ').includes(controller)) return
    await sleep(pause)
  }
}

/** As `awaitLimits`; with `patienceMs` 0 the kernel must have it already. */
export async function awaitLimit(cgroup: string, limit: Limit, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const present = await readLimit(cgroup, limit)
    if (present === limit.expect) return
    if (performance.now() >= deadline) throw notKept(cgroup, limit, present)
    await sleep(pause)
  }
}

export function notKept(cgroup: string, {group, file, expect}: Limit, present: string | undefined): VpsError {
  const path = join(groupDirectory(cgroup, group), file)
  const found = present === undefined ? 'there is no such file' : `it says \`${present}\``
  return new VpsError('LIMIT_NOT_KEPT', `${path} was to say \`${expect}\`, but ${found}`, {
    suggestions: ['see `vps doctor`'],
    exitCode: ExitCode.hostCannot,
  })
}
