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

/** Waits until the kernel has what was asked of systemd. @throws VpsError LIMIT_NOT_KEPT (exit 5) after five seconds */
export async function awaitLimits(cgroup: string, limits: readonly Limit[]): Promise<void> {
  for (const limit of limits) await awaitLimit(cgroup, limit, WRITTEN_MS)
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
