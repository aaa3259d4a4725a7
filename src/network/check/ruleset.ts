/*
 * The table that all servers have in common, as it is and as it should be. What it should be is loaded into a network namespace of
 * its own, and nft tells about both in the same words.
 */
import {VpsError} from '../../errors.ts'
import {setNamed} from '../rules/sets.ts'
import {run, runJson} from './run.ts'

type Json = null | boolean | number | string | readonly Json[] | {readonly [key: string]: Json}
type Item = {readonly [key: string]: Json}

/** What nft says of a ruleset, without what differs from load to load: handles, counters. */
export interface Table {
  readonly chains: ReadonlyMap<string, string>
  /** Of each chain, in order. */
  readonly rules: ReadonlyMap<string, readonly string[]>
  readonly sets: ReadonlyMap<string, NamedSet>
}

export type TableFamily = 'inet' | 'bridge'

interface NamedSet {
  /** Its type and flags. */
  readonly shape: string
  readonly elements: ReadonlySet<string>
}

/** `undefined` when there is none. */
export async function presentTable(family: TableFamily, table: string): Promise<Table | undefined> {
  try {
    return parseTable(await runJson(['nft', '-j', 'list', 'table', family, table]))
  } catch (error) {
    if (error instanceof VpsError && error.code === 'PROGRAM_FAILED') return undefined
    throw error
  }
}

/** @param text as for `nft -f` */
export async function wantedTable(family: TableFamily, table: string, text: string): Promise<Table> {
  const script = `nft -f - && exec nft -j list table ${family} ${table}`
  return parseTable(JSON.parse(await run(['unshare', '--net', 'sh', '-c', script], text)))
}

/** Pure. */
export function parseTable({nftables}: {readonly nftables: readonly Item[]}): Table {
  const chains = new Map<string, string>()
  const rules = new Map<string, string[]>()
  const sets = new Map<string, NamedSet>()
  for (const item of nftables) {
    const [[kind = '', value] = []] = Object.entries(item)
    if (!isItem(value)) continue
    const name = String(value.name)
    const {handle: _handle, elem, expr, ...shape} = value
    if (kind === 'chain') chains.set(name, JSON.stringify(shape))
    if (kind === 'rule') {
      const chain = String(value.chain)
      rules.set(chain, [...(rules.get(chain) ?? []), JSON.stringify(plain(expr ?? null))])
    }
    if (kind === 'set' || kind === 'map')
      sets.set(name, {shape: JSON.stringify(shape), elements: elementsOf(elem)})
  }
  return {chains, rules, sets}
}

function elementsOf(elements: Json | undefined): NamedSet['elements'] {
  const list = Array.isArray(elements) ? (elements as readonly Json[]) : []
  return new Set(list.map(element => JSON.stringify(plain(element))))
}

/** Without what packets change. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain)
  if (!isItem(value)) return value
  const {elem} = value
  if (isItem(elem) && 'val' in elem) return plain(elem.val ?? null)
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'counter' && isItem(inner) ? null : plain(inner),
    ]),
  )
}

function isItem(value: Json | undefined): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is different, a phrase each. Pure. Sets and chains that only were left over change nothing: nothing leads to them. */
/** @param name with its family: `inet vps` */
export function compareTables(name: string, present: Table | undefined, wanted: Table): string[] {
  if (present === undefined) return [`the rules of servers (table ${name}) are gone`]
  const strange = [...present.chains].filter(
    ([chain, shape]) => !wanted.chains.has(chain) && shape.includes('"hook"'),
  )
  return [
    ...[...wanted.chains].flatMap(([chain, shape]) => compareChain(chain, shape, present, wanted)),
    ...strange.map(([chain]) => `chain ${chain} in table ${name} is somebody else's`),
    ...[...wanted.sets].flatMap(([set, one]) => compareSet(set, one, present.sets.get(set))),
  ]
}

function compareChain(chain: string, shape: string, present: Table, wanted: Table): string[] {
  const found = present.chains.get(chain)
  if (found === undefined) return [`chain ${chain} is gone`]
  if (found !== shape) return [`chain ${chain} is at another hook, or has another policy`]
  const same =
    JSON.stringify(present.rules.get(chain) ?? []) === JSON.stringify(wanted.rules.get(chain) ?? [])
  return same ? [] : [`the rules of chain ${chain} are others`]
}

function compareSet(set: string, wanted: NamedSet, present: NamedSet | undefined): string[] {
  if (present === undefined) return [`set ${set} is gone`]
  if (present.shape !== wanted.shape) return [`set ${set} is of another kind`]
  const [found, all] = [present.elements, wanted.elements]
  // Packets put elements in the others.
  const isOurs = setNamed(set) !== undefined || all.size > 0
  return [
    ...[...all].filter(element => !found.has(element)).map(element => `set ${set} lacks ${wordsOf(element)}`),
    ...[...found]
      .filter(element => isOurs && !all.has(element))
      .map(element => `set ${set} has ${wordsOf(element)}, which no running server asks for`),
  ]
}

/** `["vps-a",1]` is `vps-a 1`. */
function wordsOf(element: string): string {
  return [...element.matchAll(/"((?:[^"\\]|\\.)*)"|\d+/g)]
    .map(([word, text]) => text ?? word)
    .filter(word => !['concat', 'prefix', 'addr', 'len', 'range', 'jump', 'target'].includes(word))
    .join(' ')
}
