/*
 * Suggestions: what an admin most likely meant by a wrong value. Each returns a phrase, or undefined when it has no idea.
 */
import {isScalar, isSeq, type Scalar} from 'yaml'
import {formatDuration, parseBytes, parseCpus, parseDuration} from '../units.ts'
import type {Key, Kind, Section} from './kinds.ts'
import {keyText, type Path} from './problems.ts'

const MINUTE = 60_000

const YES = new Set(['yes', 'y', 'on', '1', 'true', 'enabled'])
const NO = new Set(['no', 'n', 'off', '0', 'false', 'disabled'])

/** `yes` is `true`. */
export function flagHint(node: Scalar): string | undefined {
  const word = String(node.value).toLowerCase()
  const meant = YES.has(word) ? 'true' : NO.has(word) ? 'false' : undefined
  return meant && `write ${meant}`
}

/** What people write for no bound at all. */
export const UNBOUNDED = /^(unlimited|infinity|infinite|none|max|off|no|never|-1)$/i

/** `unlimited` is `max`, `off` is `none`. */
export function wordHint(node: Scalar, words: readonly string[]): string | undefined {
  const word = String(node.value).toLowerCase()
  const meant = NO.has(word) ? 'none' : UNBOUNDED.test(word) || YES.has(word) ? 'max' : undefined
  return meant !== undefined && words.includes(meant) ? `write ${meant}` : undefined
}

/** `restart: always`: the key the value would fit. */
export function sectionHint(kind: Section, node: unknown, path: Path): string | undefined {
  const name = path.at(-1)
  if (!isScalar(node)) return undefined
  const instead = kind.instead?.(String(node.value))
  if (instead !== undefined || typeof name !== 'string') return instead
  const fits = Object.entries(kind.keys).find(([, key]) => fitsScalar(key.is, node.value))
  return fits && `write ${name}: {${fits[0]}: ${node.source ?? node.value}}`
}

function fitsScalar(kind: Kind, value: unknown): boolean {
  if (kind.kind === 'choice') return typeof value === 'string' && Object.hasOwn(kind.values, value)
  if (kind.kind === 'duration') return typeof value === 'string' && parseDuration(value) !== undefined
  if (kind.kind === 'bytes') return typeof value === 'string' && parseBytes(value) !== undefined
  if (kind.kind === 'flag') return typeof value === 'boolean'
  if (kind.kind === 'whole') return Number.isInteger(value)
  if (kind.kind === 'spelled') return 'value' in kind.read(String(value))
  if (kind.kind === 'cpus') return parseCpus(String(value)) !== undefined
  if (kind.kind === 'worded') return Object.hasOwn(kind.words, String(value)) || fitsScalar(kind.of, value)
  return false
}

/** Whether other tools call a key so: `LimitNOFILE`, `lxc.cgroup2.memory.max` and `memory_max` are spelled in many ways. */
export function isAlso(key: Key | undefined, name: string): boolean {
  return key?.aka?.some(other => canonical(other) === canonical(name)) ?? false
}

function canonical(name: string): string {
  return name
    .toLowerCase()
    .replace(/^lxc\.net(work)?\.([0-9]+\.)?/, 'nic.')
    .replace(/^lxc\.(cgroup2?\.|prlimit\.|sysctl\.)?/, '')
    .replaceAll(/[_-]/g, '')
}

/** A key of a section below that is called so by other tools: `numproc` is `resources.pids`. Nearer ones first. */
export function sameElsewhere(kind: Section, name: string, path: Path): string | undefined {
  let sections: [path: Path, kind: Section][] = [[path, kind]]
  while (sections.length > 0) {
    const below = sections.flatMap(([here, {keys}]) =>
      Object.entries(keys).map(([step, key]) => [[...here, step], key] as const),
    )
    const found = below.find(([here, key]) => here.length > path.length + 1 && isAlso(key, name))
    if (found) return `did you mean ${keyText(found[0])}?`
    sections = below.flatMap(([here, {is}]) => sectionBelow(here, is))
  }
  return undefined
}

/** A section, or the one of the items of a list that have a name. */
function sectionBelow(path: Path, kind: Kind): [path: Path, kind: Section][] {
  if (kind.kind === 'section') return [[path, kind]]
  return kind.kind === 'list' && kind.identity && kind.of.kind === 'section' ? [[[...path, 0], kind.of]] : []
}

/** The items with a name that are two levels below: `mtu` is that of a link. */
function deeper(kind: Section, path: Path): [path: Path, kind: Section][] {
  return Object.entries(kind.keys)
    .flatMap(([name, {is}]) => (is.kind === 'section' ? [[[...path, name], is] as [Path, Section]] : []))
    .flatMap(([here, {keys}]) =>
      Object.entries(keys).flatMap(([name, {is}]) =>
        is.kind === 'list' ? sectionBelow([...here, name], is) : [],
      ),
    )
}

/** For a key that is not like any other here: the section it belongs to, or the keys there are. */
export function whereElse(kind: Section, name: string, path: Path): string {
  if (name === '<<') return 'merge keys are not part of YAML 1.2: write the keys out'
  for (const [key, {is}] of Object.entries(kind.keys)) {
    const below = sectionBelow([...path, key], is)[0] ?? [[], undefined]
    if (below[1] && Object.hasOwn(below[1].keys, name)) return `${name} belongs below ${keyText(below[0])}`
  }
  const [key, inner] = deeper(kind, path).find(([, {keys}]) => Object.hasOwn(keys, name)) ?? []
  if (key && inner) return `${name} belongs below ${keyText(key)}`
  return `the keys here are ${Object.keys(kind.keys).join(', ')}`
}

/** `web, miller`: as a list. */
export function listHint(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null || String(node.value).length > 60) return undefined
  const items = String(node.source ?? node.value)
    .trim()
    .split(/[\s,]+/)
    .filter(Boolean)
  return items.length > 0 ? `write [${items.join(', ')}]` : undefined
}

/** `[A=b]`: as a mapping. */
export function tableHint(node: unknown): string | undefined {
  const first = isSeq(node) ? node.items[0] : undefined
  const match =
    isScalar(first) && typeof first.value === 'string' ? /^([A-Za-z_]\w*)=(.*)$/.exec(first.value) : null
  return match ? `write ${match[1]}: ${match[2]} without a dash` : undefined
}

/** `5 minutes` is `5m`. */
export function durationHint(node: Scalar, max = Number.POSITIVE_INFINITY): string | undefined {
  const words = String(node.source ?? node.value).trim()
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(words)
  if (!match?.[1]) return undefined
  const [small, large] = max > MINUTE ? ['s', 'm'] : ['ms', 's']
  if (match[2] === '') return `say the unit: ${match[1]}${small} or ${match[1]}${large}`
  const unit = TIME_WORDS.find(([pattern]) => pattern.test(match[2] ?? ''))?.[1]
  const exact = unit === undefined ? undefined : Number(match[1]) * (parseDuration(`1${unit}`) ?? 0)
  return exact ? `write ${formatDuration(exact)}` : undefined
}

const TIME_WORDS: readonly [RegExp, string][] = [
  [/^(ms|msecs?|milliseconds?)$/i, 'ms'],
  [/^(s|secs?|seconds?)$/i, 's'],
  [/^(m|mins?|minutes?)$/i, 'm'],
  [/^(h|hrs?|hours?)$/i, 'h'],
  [/^(d|days?)$/i, 'd'],
]

/** `2 cores` is `2`. */
export function cpusHint(node: Scalar): string | undefined {
  const words = String(node.source ?? node.value).trim()
  const match = /^([0-9]*[.,]?[0-9]+)\s*(%|percent|cpus?|cores?|m)?$/i.exec(words)
  if (!match?.[1]) return undefined
  const number = match[1].replace(',', '.').replace(/^\./, '0.')
  // As Kubernetes counts: 1500m are one and a half.
  if (match[2] === 'm') return `write ${Number(number) / 1000}`
  return `write ${number}${/^(%|p)/i.test(match[2] ?? '') ? '%' : ''}`
}

/** `1M` is one of two. */
export function bytesHint(node: Scalar): string | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([kmgt])(i?b?)$/i.exec(String(node.source ?? node.value).trim())
  if (!match?.[1] || !match[2]) return undefined
  const letter = match[2].toUpperCase()
  const binary = `${match[1]}${letter}iB`
  if (parseBytes(binary) === undefined) return 'it must be a whole number of bytes'
  if (match[3]?.toLowerCase() === 'ib') return `write ${binary}`
  return `write ${binary} (units of 1024) or ${match[1]}${letter === 'K' ? 'k' : letter}B (units of 1000)`
}
