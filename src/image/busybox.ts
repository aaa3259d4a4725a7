import {createHash} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {ifMissing} from '../host/index.ts'
import {noNames, renderAccounts} from './accounts.ts'
import type {Builder} from './builder.ts'
import {accountEntries, recipeEntries} from './entries.ts'
import {writeTree} from './tree.ts'
import type {Entry} from './types.ts'

/* The smallest root: one static program of the host, with a link for each thing it can be. */

const PLACES = ['/bin/busybox', '/usr/bin/busybox', '/sbin/busybox', '/usr/sbin/busybox'] as const
const INSIDE = '/bin/busybox'
/** Links that a root needs where other programs look for them, wherever busybox would put them. */
const MORE_LINKS = ['/bin/sh', '/sbin/init'] as const

export const busyboxBuilder: Builder = {
  async prepare({recipe}) {
    const {program, applets} = await findBusybox()
    const accounts = renderAccounts(recipe, noNames)
    const root = {uid: 0, gid: 0}
    const entries: Entry[] = [
      {kind: 'file', path: INSIDE, mode: 0o755, content: program, ...root},
      ...applets.map((path): Entry => ({kind: 'link', path, target: INSIDE, ...root})),
      ...accountEntries(accounts),
      ...recipeEntries(recipe, accounts.names),
    ]
    return {
      facts: {busybox: createHash('sha256').update(program).digest('hex'), applets},
      hostTrees: [],
      build: async ({rootfs}) => await writeTree(rootfs, entries),
    }
  },
}

async function findBusybox(): Promise<{program: Buffer; applets: string[]}> {
  let dynamic: string | undefined
  for (const path of PLACES) {
    const program = await ifMissing(readFile(path), undefined)
    if (program === undefined) continue
    if (isStatic(program)) return {program, applets: await knownApplets(path, program)}
    dynamic = path
  }
  const found = dynamic === undefined ? 'busybox is not installed' : `${dynamic} is not a static program`
  throw new VpsError('MISSING_PROGRAM', `${found}; the template needs a static one`, {
    exitCode: ExitCode.hostCannot,
    suggestions: ['apt-get install busybox-static'],
  })
}

/** What the last program said that was asked. */
let last: {readonly program: Buffer; readonly applets: Promise<string[]>} | undefined

async function knownApplets(path: string, program: Buffer): Promise<string[]> {
  if (last?.program.equals(program)) return await last.applets
  last = {program, applets: appletsOf(path)}
  return await last.applets
}

/** Paths as busybox itself installs them; /usr/bin and /usr/sbin are kept apart from /bin and /sbin. */
async function appletsOf(path: string): Promise<string[]> {
  const {execa} = await import('execa')
  const {stdout} = await execa(path, ['--list-full'])
  const applets = stdout.split('\n').map(line => `/${line.trim()}`)
  const valid = [...applets, ...MORE_LINKS].filter(
    applet => /^\/(usr\/)?s?bin\/[^/]+$/.test(applet) && applet !== INSIDE,
  )
  return [...new Set(valid)].sort()
}

const PT_INTERP = 3

/** Whether an ELF program asks for no dynamic linker; see elf(5). Both word sizes, little and big endian. */
export function isStatic(elf: Buffer): boolean {
  if (elf.length < 64 || elf.toString('latin1', 0, 4) !== '\x7fELF') return false
  const wide = elf[4] === 2
  const little = elf[5] === 1
  const u16 = (at: number): number => (little ? elf.readUInt16LE(at) : elf.readUInt16BE(at))
  const u32 = (at: number): number => (little ? elf.readUInt32LE(at) : elf.readUInt32BE(at))
  const u64 = (at: number): number => Number(little ? elf.readBigUInt64LE(at) : elf.readBigUInt64BE(at))
  const table = wide ? u64(32) : u32(28)
  const size = u16(wide ? 54 : 42)
  const count = u16(wide ? 56 : 44)
  for (let index = 0; index < count; index++) {
    const at = table + index * size
    if (at + 4 > elf.length) return false
    if (u32(at) === PT_INTERP) return false
  }
  return true
}
