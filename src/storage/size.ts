import type {BigIntStats} from 'node:fs'
import {lstat, readdir} from 'node:fs/promises'
import {ifMissing} from '../host/index.ts'

/**
 * What `path` and all below it take on disk, in bytes: blocks, not lengths; a file with several names counts once. What vanishes
 * meanwhile, or is too deep to be named, does not count. Other mounts are not entered.
 */
export async function sizeOnDisk(path: string): Promise<number> {
  const root = await ifMissing(lstat(path, {bigint: true}), undefined)
  return root === undefined ? 0 : Number(await measure(path, root, new Set()))
}

async function measure(path: string, stat: BigIntStats, seen: Set<bigint>): Promise<bigint> {
  if (stat.nlink > 1n && !stat.isDirectory()) {
    if (seen.has(stat.ino)) return 0n
    seen.add(stat.ino)
  }
  let bytes = stat.blocks * 512n
  if (!stat.isDirectory()) return bytes
  for (const name of await readdir(path).catch(() => [])) {
    const child = `${path}/${name}`
    const found = await lstat(child, {bigint: true}).catch(() => undefined)
    if (found !== undefined && found.dev === stat.dev) bytes += await measure(child, found, seen)
  }
  return bytes
}
