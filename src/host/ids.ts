import {rename, symlink, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {makeDirectory, syncDirectory} from './atomic.ts'
import {type HostConfig, IDS_PER_SERVER, type IdRange} from './config.ts'
import {errno, ifMissing, writeError} from './errno.ts'
import {type ForeignIds, foreignIdRanges, overlaps} from './foreign-ids.ts'
import {Fresh} from './fresh.ts'
import {addLink, readLink, readLinks, removeLink} from './links.ts'
import type {HostPaths} from './paths.ts'

/**
 * Id ranges are numbered slots. The symbolic link `ids/SLOT` names the owner: symlink(2) fails when the slot is taken,
 * so it is the allocation, without a lock; readlink(2) tells the owner, without opening anything.
 */
export interface IdSlot {
  readonly slot: number
  readonly owner: string
}

/** The host ids of `slot`. */
export function slotRange(config: Pick<HostConfig, 'ids'>, slot: number): IdRange {
  return {first: config.ids.first + slot * IDS_PER_SERVER, count: IDS_PER_SERVER}
}

/** How many servers the configured range has room for. */
export function slotCount(config: Pick<HostConfig, 'ids'>): number {
  return Math.floor(config.ids.count / IDS_PER_SERVER)
}

const foreignRanges = new Fresh<Promise<ForeignIds[]>>()

/** Takes the lowest free slot whose ids no account and no subordinate range of the host has. Durable with a flush of `HostPaths.ids`. */
export async function takeIdSlot(
  paths: HostPaths,
  config: Pick<HostConfig, 'ids'>,
  owner: string,
): Promise<number> {
  await makeDirectory(paths.ids, 0o700)
  const foreign = await foreignRanges.get('', foreignIdRanges)
  const taken = readLinks(paths.ids)
  for (let slot = 0; slot < slotCount(config); slot++) {
    const range = slotRange(config, slot)
    if (taken.has(String(slot)) || foreign.some(other => overlaps(range, other))) continue
    if (await takeSlot(paths, slot, owner)) return slot
  }
  throw new VpsError('NO_IDS', `no id range is free: all ${slotCount(config)} are taken`, {
    suggestions: [`destroy servers that are no longer needed, or raise ids.count in ${paths.hostConfig}`],
    exitCode: ExitCode.failed,
  })
}

/** Takes `slot` for `owner`, durably; false when another has it, true also when the owner has it already. */
export async function claimIdSlot(paths: HostPaths, slot: number, owner: string): Promise<boolean> {
  const known = slotOwner(paths, slot)
  if (known !== undefined) return known === owner
  if (!(await takeSlot(paths, slot, owner))) return slotOwner(paths, slot) === owner
  await syncDirectory(paths.ids)
  return true
}

/** False when another has it. */
async function takeSlot(paths: HostPaths, slot: number, owner: string): Promise<boolean> {
  try {
    addLink(paths.ids, String(slot), owner)
    return true
  } catch (error) {
    if (errno(error) === 'EEXIST') return false
    throw await writeError(join(paths.ids, String(slot)), error)
  }
}

/** Gives `slot` back, if it is still the owner's. Its ids must be in use nowhere. */
export async function releaseIdSlot(paths: HostPaths, slot: number, owner: string): Promise<void> {
  if (slotOwner(paths, slot) !== owner) return
  removeLink(paths.ids, String(slot))
  await syncDirectory(paths.ids)
}

/** Writes a new owner's name into a slot that `from` has. */
export async function renameIdSlot(paths: HostPaths, slot: number, from: string, to: string): Promise<void> {
  if (slotOwner(paths, slot) !== from) return
  const path = join(paths.ids, String(slot))
  const temporary = join(paths.ids, `.${slot}.${to}`)
  try {
    await ifMissing(unlink(temporary), undefined)
    await symlink(to, temporary)
    await rename(temporary, path)
    await syncDirectory(paths.ids)
  } catch (error) {
    throw await writeError(path, error)
  }
}

/** The owner of `slot`, or `undefined` when it is free. Synchronous: thousands are read in milliseconds that way. */
export function slotOwner(paths: HostPaths, slot: number): string | undefined {
  return readLink(join(paths.ids, String(slot)))
}

/** The slots that `owner` has: one, or none; a crash may have left it more. */
export function idSlotsOf(paths: HostPaths, owner: string): number[] {
  return [...readLinks(paths.ids)]
    .filter(([name, other]) => other === owner && /^\d+$/.test(name))
    .map(([name]) => Number(name))
}

/** Every slot that is taken. */
export async function listIdSlots(paths: HostPaths): Promise<IdSlot[]> {
  return [...readLinks(paths.ids)]
    .filter(([name]) => /^\d+$/.test(name))
    .map(([name, owner]) => ({slot: Number(name), owner}))
    .sort((a, b) => a.slot - b.slot)
}
