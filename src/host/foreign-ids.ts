import {readFile} from 'node:fs/promises'
import {IDS_PER_SERVER, type IdRange} from './config.ts'
import {ifMissing} from './errno.ts'

/** Ids of the host that are someone else's. */
export interface ForeignIds extends IdRange {
  /** Where it says so: `/etc/subuid:3`. */
  readonly where: string
  readonly owner: string
}

const SUBORDINATE = ['/etc/subuid', '/etc/subgid'] as const
const ACCOUNTS = ['/etc/passwd', '/etc/group'] as const

/** What /etc/subuid, /etc/subgid, /etc/passwd and /etc/group of the host give to others. See subuid(5), passwd(5). */
export async function foreignIdRanges(etc = ''): Promise<ForeignIds[]> {
  const read = async (file: string): Promise<string> => await ifMissing(readFile(`${etc}${file}`, 'utf8'), '')
  const [subordinate, accounts] = await Promise.all([
    Promise.all(SUBORDINATE.map(async file => parseSubordinate(await read(file), file))),
    Promise.all(ACCOUNTS.map(async file => parseAccounts(await read(file), file))),
  ])
  return [...subordinate.flat(), ...accounts.flat()]
}

/** Those of `foreign` that a range of ours would share ids with. */
export function conflicts(range: IdRange, foreign: readonly ForeignIds[]): ForeignIds[] {
  return foreign.filter(other => overlaps(range, other))
}

export function overlaps(a: IdRange, b: IdRange): boolean {
  return a.first < b.first + b.count && b.first < a.first + a.count
}

/** Lines `owner:first:count`. */
export function parseSubordinate(text: string, file: string): ForeignIds[] {
  return parse(text, file, fields => ({owner: fields[0], first: fields[1], count: fields[2]}))
}

/** passwd(5) and group(5): the id is the third field. Ids below 65,536 can't be in a server's range and are left out. */
export function parseAccounts(text: string, file: string): ForeignIds[] {
  return parse(text, file, fields => ({owner: fields[0], first: fields[2], count: '1'})).filter(
    ids => ids.first >= IDS_PER_SERVER,
  )
}

type Fields = Record<'owner' | 'first' | 'count', string | undefined>

function parse(text: string, file: string, pick: (fields: string[]) => Fields): ForeignIds[] {
  const found: ForeignIds[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const {owner, first, count} = pick(line.split(':'))
    if (owner && isNumber(first) && isNumber(count) && Number(count) > 0)
      found.push({where: `${file}:${index + 1}`, owner, first: Number(first), count: Number(count)})
  }
  return found
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text)
}
