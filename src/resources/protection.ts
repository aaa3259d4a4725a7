import {readdir, readFile, writeFile} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {ifMissing} from '../host/index.ts'
import {inMiB} from './bytes.ts'
import type {CgroupPlace} from './cgroup-place.ts'
import type {ResourceFacts} from './facts.ts'
import type {Limit} from './limit.ts'
import {setUnitProperties} from './scope.ts'
import {unitProperty} from './unit.ts'

const FILES = ['memory.min', 'memory.low'] as const

/**
 * The kernel hands protection down: what a cgroup's children are promised counts only as far as the cgroup is promised it
 * itself. So every directory above the servers gets the sum of what is in it. The caller holds `lockSharing`.
 */
export async function balanceProtection({parent, mount, systemd}: CgroupPlace): Promise<void> {
  let below: Sums | undefined
  for (let directory = parent; directory !== mount; directory = dirname(directory))
    below = {name: basename(directory), of: await balance(directory, systemd, below)}
}

/** What a directory was just given. systemd writes it a moment later, so its files are not asked. */
interface Sums {
  readonly name: string
  readonly of: ReadonlyMap<File, number>
}

type File = (typeof FILES)[number]

/** Whether anything above the servers is protected, so that the sum may have to change when one leaves. */
export async function isProtected({parent}: CgroupPlace): Promise<boolean> {
  const values = await Promise.all(FILES.map(file => bytesOf(join(parent, file))))
  return values.some(value => value !== undefined && value > 0)
}

/** Writes only what is not so yet: a question to systemd costs more than all these files, and one will do. */
async function balance(directory: string, systemd: boolean, below?: Sums): Promise<Sums['of']> {
  const sums = new Map<File, number>()
  const writes: {file: File; value: string}[] = []
  for (const file of FILES) {
    const present = await bytesOf(join(directory, file))
    if (present === undefined) continue // no such controller, or no server
    const sum = (await promises(directory, file, below)).reduce((total, bytes) => total + bytes, 0)
    sums.set(file, sum)
    if (sum !== present) writes.push({file, value: Number.isFinite(sum) ? String(sum) : 'max'})
  }
  if (systemd && writes.length > 0) await setUnitProperties(basename(directory), writes.map(unitProperty))
  if (systemd) return sums
  for (const {file, value} of writes) await ifMissing(writeFile(join(directory, file), value), undefined)
  return sums
}

/** What each cgroup in `directory` is promised. */
async function promises(directory: string, file: File, below?: Sums): Promise<number[]> {
  const entries = await ifMissing(readdir(directory, {withFileTypes: true}), [])
  const groups = entries.filter(entry => entry.isDirectory())
  const promised = async (name: string): Promise<number> =>
    (name === below?.name ? below.of.get(file) : await bytesOf(join(directory, name, file))) ?? 0
  return await Promise.all(groups.map(({name}) => promised(name)))
}

/**
 * Nobody can be promised what is not there.
 * @throws VpsError NO_MEMORY (exit 4) when the guarantee among `limits`, with those of running servers, is more than the host has
 */
export async function requireMemory(
  facts: ResourceFacts,
  limits: readonly Limit[],
  except?: string,
): Promise<void> {
  const own = limits.find(({group, file}) => group === 'server' && file === 'memory.min')
  if (own === undefined) return
  const {parent} = facts.cgroups
  const entries = await ifMissing(readdir(parent), [])
  const others = entries.filter(entry => entry !== except)
  const promised = await Promise.all(
    others.map(async entry => (await bytesOf(join(parent, entry, 'memory.min'))) ?? 0),
  )
  const taken = promised.reduce((total, bytes) => total + bytes, 0)
  if (taken + Number(own.value) <= facts.memoryBytes) return
  throw new VpsError(
    'NO_MEMORY',
    `cannot guarantee ${inMiB(Number(own.value))}: ${inMiB(taken)} of the host's ${inMiB(facts.memoryBytes)} are guaranteed to running servers`,
    {
      suggestions: ['ask for a smaller `memory.guarantee`, or stop a server that has one'],
      exitCode: ExitCode.wrongState,
    },
  )
}

/** `undefined` when there is no such file; a group that is just being removed has none either. */
async function bytesOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  return text.trim() === 'max' ? Number.POSITIVE_INFINITY : Number(text)
}
