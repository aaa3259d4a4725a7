import {existsSync} from 'node:fs'
import {rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {formatCpuList} from '../definition/index.ts'
import {errno, type HostPaths, serverPaths, silent} from '../host/index.ts'
import {
  balanceProtection,
  type CgroupPlace,
  cgroupPlace,
  cpuFacts,
  isProtected,
  readCpuList,
  reassigned,
} from '../resources/index.ts'
import {dedicationMark, lockSharing, neighbours} from './neighbours.ts'

/** Whether what others have depends on the server `name`, which is about to go, or on any that has gone unnoticed. */
export async function othersDependOn(paths: HostPaths, name: string): Promise<boolean> {
  const {cpus} = serverPaths(paths, name)
  return (
    existsSync(cpus) || existsSync(dedicationMark(paths)) || (await isProtected(await cgroupPlace(paths)))
  )
}

/**
 * After a server came, went or changed: what the others share is anew what they are entitled to. Idempotent, from files alone.
 * @param locked the caller holds `lockSharing`
 */
export async function settleOthers(paths: HostPaths, locked = false): Promise<void> {
  await using _lock = locked ? undefined : await lockSharing(paths, 'settle', silent)
  const place = await cgroupPlace(paths)
  await balanceProtection(place)
  // Without the mark nobody has CPUs for itself, and whoever made room has them back.
  if (existsSync(dedicationMark(paths))) await reconcileCpus(paths, place)
}

/** Servers that pinned no CPUs keep off those that others have for themselves, and come back when these end. */
async function reconcileCpus(paths: HostPaths, place: CgroupPlace): Promise<void> {
  const running = neighbours(paths)
  const host = await cpuFacts(place)
  let claims = running.map(({claim}) => claim)
  for (const {cgroup, claim, definition} of running) {
    const wish = definition?.resources.cpu
    if (wish === undefined) continue
    const others = claims.filter(other => other !== claim)
    const list = reassigned(claim, wish, host, others)
    if (list === formatCpuList(claim.cpus)) continue
    await writeCpus(join(cgroup, 'payload', 'cpuset.cpus'), list)
    claims = [...others, {kind: claim.kind, cpus: readCpuList(list)}]
  }
  if (claims.every(({kind}) => kind !== 'dedicated')) await rm(dedicationMark(paths), {force: true})
}

/** An empty line stands for all CPUs. A server without the controller, or one that has just ended, has no such file. */
async function writeCpus(file: string, list: string): Promise<void> {
  try {
    await writeFile(file, `${list}\n`, {flag: 'r+'})
  } catch (error) {
    if (!['ENOENT', 'ENODEV'].includes(errno(error) ?? '')) throw error
  }
}
