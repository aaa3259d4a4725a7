import {constants, readFileSync} from 'node:fs'
import {open} from 'node:fs/promises'
import type {Definition, Provision} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {errno, storagePaths, writeError} from '../../host/index.ts'
import type {ImageInfo} from '../../image/index.ts'
import {readRecordAt} from '../record.ts'
import {seedCloudInit} from './cloud-init.ts'
import {type Family, readFamily} from './family.ts'
import {ServerRoot} from './root.ts'
import {reveal} from './secrets.ts'
import {pendingSteps, readState, withDone, writeNewState, writeState} from './state.ts'
import {type Step, stepsOf} from './steps.ts'
import {type GeneratedPassword, RootAccounts} from './users.ts'

/*
 * What is set up while a server does not run, by writing into its root.
 *
 * Crash order: files first, provision.json last. Killed or powered off in between, the steps count as not done and are done again, which
 * changes nothing that is right already. Nothing is flushed file by file: what was written is on its way to the disk when the
 * state is written, and the commit that makes the state's name durable (of create, or of the state itself) comes after it.
 */

type ProvisionFile = Provision['files'][number]

const LARGEST_SOURCE = 16 * 1024 * 1024
const ZONES = '/usr/share/zoneinfo'
const OPEN = {mode: 0o644, uid: 0, gid: 0} as const

export interface OfflineTarget {
  /** The server's storage directory, or the journal that will become it. */
  readonly storage: string
  readonly image: Pick<ImageInfo, 'rootfs' | 'hostTrees'>
  readonly definition: Pick<Definition, 'name' | 'provision'>
  /** The storage is the journal of a server in the making: its layer is still empty, and whoever makes it commits the state, too. */
  readonly isNew?: boolean
}

/** Whether a server has anything to be written into its root. */
export function hasPendingFiles({
  storage,
  definition,
}: Pick<OfflineTarget, 'storage' | 'definition'>): boolean {
  const steps = stepsOf(definition.provision)
  return steps.length > 0 && pendingSteps(steps, readState(storage)).some(({place}) => place === 'root')
}

/**
 * Does the steps that write into the root and are not done yet. Nothing may have the server's layer mounted meanwhile.
 * @returns passwords that were made
 * @throws VpsError CANNOT_PROVISION, NO_SECRET, … naming the step
 */
export async function provisionFiles(target: OfflineTarget): Promise<GeneratedPassword[]> {
  const {storage, definition, image, isNew = false} = target
  const all = stepsOf(definition.provision)
  const state = readState(storage)
  const pending = pendingSteps(all, state).filter(({place}) => place === 'root')
  if (pending.length === 0) return []
  const sources = await readSources(definition, pending)
  const {upper, work} = storagePaths(storage)
  const generated: GeneratedPassword[] = []
  try {
    await using root = await ServerRoot.open({image, upper, work, isNew})
    seedCloudInit(root, readRecordAt(storage)?.uuid ?? definition.name)
    generated.push(...writeAll({root, provision: definition.provision, pending, sources}))
    await root.commit()
  } catch (error) {
    throw error instanceof VpsError ? error : await rootError(definition.name, upper, error)
  }
  const done = withDone(state, pending, all)
  await (isNew ? writeNewState(storage, done) : writeState(storage, done))
  return generated
}

interface Work {
  readonly root: ServerRoot
  readonly provision: Provision
  readonly pending: readonly Step[]
  readonly sources: ReadonlyMap<string, Buffer>
}

function writeAll({root, provision, pending, sources}: Work): GeneratedPassword[] {
  const {users, files} = provision
  const family = readFamily(root)
  const of = (kind: Step['kind']): number[] =>
    pending.filter(step => step.kind === kind).map(({index}) => index)
  const chosen = <Item>(list: readonly Item[], kind: Step['kind']): Item[] =>
    of(kind).flatMap(index => list[index] ?? [])
  const accounts = new RootAccounts(root, family)
  for (const user of chosen(users, 'user')) accounts.user(user)
  for (const group of chosen(provision.groups, 'group')) accounts.accounts.addGroup(group)
  for (const user of chosen(users, 'user')) accounts.memberships(user)
  const generated = chosen(users, 'password').flatMap(user => accounts.password(user) ?? [])
  accounts.save()
  for (const file of chosen(files, 'file')) writeFile(root, accounts, file, sources)
  if (of('timezone').length > 0 && provision.timezone !== null) setTimezone(root, family, provision.timezone)
  if (of('locale').length > 0 && provision.locale !== null) setLocale(root, family, provision.locale)
  return generated
}

function writeFile(
  root: ServerRoot,
  {accounts}: RootAccounts,
  {path, content, source, mode, owner, group}: ProvisionFile,
  sources: ReadonlyMap<string, Buffer>,
): void {
  const number = (name: string, id: number | undefined, what: string): number => {
    if (/^\d+$/.test(name)) return Number(name)
    if (id !== undefined) return id
    throw new VpsError('CANNOT_PROVISION', `cannot write ${path}: the server has no ${what} ${name}`, {
      suggestions: [`add it to provision.${what}s, or give its number`],
    })
  }
  const account = owner === 'root' ? {uid: 0, gid: 0} : accounts.user(owner)
  const uid = number(owner, account?.uid, 'user')
  const gid =
    group === ''
      ? (account?.gid ?? uid)
      : number(group, group === 'root' ? 0 : accounts.group(group), 'group')
  const bytes = content === null ? sources.get(source ?? '') : Buffer.from(reveal(content))
  root.write(path, bytes ?? Buffer.alloc(0), {mode: Number.parseInt(mode, 8), uid, gid})
}

/** The files of the host that files of the server are copies of, read before anything is written. */
async function readSources(
  {provision}: OfflineTarget['definition'],
  pending: readonly Step[],
): Promise<ReadonlyMap<string, Buffer>> {
  const sources = new Map<string, Buffer>()
  for (const {kind, index} of pending) {
    const source = kind === 'file' ? provision.files[index]?.source : null
    if (source !== null && source !== undefined) sources.set(source, await readSource(source))
  }
  return sources
}

async function readSource(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = await file.stat()
    if (!found.isFile()) throw noSource(path, 'it is no file')
    if (found.size > LARGEST_SOURCE) throw noSource(path, 'it is larger than 16MiB')
    return await file.readFile()
  } catch (error) {
    throw error instanceof VpsError ? error : noSource(path, errno(error) ?? 'failed')
  }
}

function noSource(path: string, reason: string): VpsError {
  return new VpsError('CANNOT_READ', `cannot copy ${path} into the server: ${reason}`, {
    exitCode: ExitCode.wrongUse,
  })
}

/** A link to the zone, as timedatectl makes it; where the root has no zones, a copy of the host's. */
function setTimezone(root: ServerRoot, family: Family, zone: string): void {
  const inside = `${ZONES}/${zone}`
  if (root.has(inside)) root.link('/etc/localtime', inside)
  else root.write('/etc/localtime', hostZone(zone), OPEN)
  if (family !== 'rhel') root.write('/etc/timezone', `${zone}\n`, OPEN)
}

function hostZone(zone: string): Buffer {
  try {
    return readFileSync(`${ZONES}/${zone}`)
  } catch (error) {
    throw new VpsError('NO_TIMEZONE', `neither the server nor this host knows the time zone ${zone}`, {
      cause: error,
      suggestions: ['install tzdata on the host'],
      exitCode: ExitCode.wrongUse,
    })
  }
}

/** Where the family's logins look for it. Debian's locale-gen, if it is there, makes it once the server runs. */
function setLocale(root: ServerRoot, family: Family, locale: string): void {
  const assignment = `LANG=${locale}\n`
  if (family === 'alpine') root.write('/etc/profile.d/90-vps-locale.sh', `export ${assignment}`, OPEN)
  if (family === 'debian' || root.has('/etc/default/locale'))
    root.write('/etc/default/locale', assignment, OPEN)
  root.write('/etc/locale.conf', assignment, OPEN)
  const known = root.text('/etc/locale.gen')
  if (known === undefined) return
  const line = `${locale} ${locale.split('.')[1] ?? 'UTF-8'}`
  if (!known.split('\n').includes(line))
    root.write('/etc/locale.gen', `${known.replace(/\n*$/, '\n')}${line}\n`, OPEN)
}

async function rootError(name: string, upper: string, error: unknown): Promise<VpsError> {
  const written = await writeError(upper, error)
  if (written.code !== 'WRITE_FAILED') return written
  return new VpsError('CANNOT_PROVISION', `cannot write into the root of server ${name}`, {cause: error})
}
