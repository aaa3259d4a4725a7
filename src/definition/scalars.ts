/*
 * Reads single values: what a scalar of the document means by its kind, or what is wrong with it. Pure; `read.ts` knows
 * where the scalar stands.
 */
import {isScalar, type Scalar} from 'yaml'
import {nearest} from '../nearest.ts'
import {formatBytes, formatDuration, parseBytes, parseCpus, parseDuration} from '../units.ts'
import {describe, Filled} from './document.ts'
import {bytesHint, cpusHint, durationHint, flagHint, wordHint} from './hints.ts'
import type {
  Choice,
  Complaint,
  Cpus,
  Kind,
  Read,
  Rlimit,
  Size,
  Span,
  Spelled,
  Text,
  Whole,
  Worded,
} from './kinds.ts'
import {readRlimit} from './rlimits.ts'
import {CONTROL, either, quote} from './words.ts'

export type ScalarKind = Exclude<Kind, {kind: 'section' | 'table' | 'list' | 'either'}>

/** Texts are at most as long, unless their kind says otherwise. */
const MAX_LENGTH = 4096

export function readScalar(kind: ScalarKind, node: Scalar): Read {
  switch (kind.kind) {
    case 'text':
      return readText(kind, node)
    case 'flag':
      return typeof node.value === 'boolean'
        ? {value: node.value}
        : wrong('must be true or false', node, flagHint(node))
    case 'whole':
      return readWhole(kind, node)
    case 'duration':
      return readDuration(kind, node)
    case 'bytes':
      return readBytes(kind, node)
    case 'cpus':
      return readCpus(kind, node)
    case 'choice':
      return readChoice(kind, node)
    case 'spelled':
      return readSpelled(kind, node)
    case 'worded':
      return readWorded(kind, node)
    case 'rlimit':
      return readRlimitNode(kind, node)
  }
}

function readText(kind: Text, node: Scalar): Read {
  const written = node.source ?? String(node.value)
  if (typeof node.value !== 'string' && !kind.anyScalar && !(node instanceof Filled)) {
    const complaint = kind.check?.(written)
    return wrong(
      `must be ${kind.expected}`,
      node,
      complaint ? complaint.suggestion : `put it in quotes: "${written}"`,
    )
  }
  const value = typeof node.value === 'string' ? node.value : written
  const complaint =
    controlComplaint(value, kind.lines) ?? kind.check?.(value) ?? lengthComplaint(value, kind.maxLength)
  return complaint ?? {value: kind.normalise ? kind.normalise(value) : value}
}

/** Control characters in a text; line breaks and tabs may be allowed. */
export function controlComplaint(value: string, lines = false): Complaint | undefined {
  const control = value
    .match(CONTROL)
    ?.find(character => !(lines && (character === '\n' || character === '\t')))
  if (control === '\n') return {says: 'must not hold a line break'}
  if (control !== undefined) {
    const code = control.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    return {says: `must not hold the control character U+${code}`}
  }
  return value.isWellFormed() ? undefined : {says: 'must be text that can be written in UTF-8'}
}

function lengthComplaint(value: string, max = MAX_LENGTH): Complaint | undefined {
  return value.length > max
    ? {says: `must be at most ${max} characters long, not ${value.length}`}
    : undefined
}

function readWhole(kind: Whole, node: Scalar): Read {
  const {value} = node
  if (typeof value === 'number' && Number.isInteger(value)) return within(kind, value, number => `${number}`)
  if (typeof value === 'number') return {says: `must be a whole number, not ${node.source ?? value}`}
  const isQuoted = typeof value === 'string' && /^[0-9]+$/.test(value)
  return wrong('must be a whole number', node, isQuoted ? 'write it without quotes' : undefined)
}

function readDuration(kind: Span, node: Scalar): Read {
  const value = parseDuration(node.value === 0 ? '0' : typeof node.value === 'string' ? node.value : '')
  if (value !== undefined) return within(kind, value, formatDuration)
  return wrong('must be a span of time such as 30s or 1h30m', node, durationHint(node, kind.max))
}

function readBytes(kind: Size, node: Scalar): Read {
  const value = parseBytes(written(node))
  if (value !== undefined) return within(kind, value, formatBytes)
  return wrong('must be an amount of data such as 1MiB', node, bytesHint(node))
}

function readCpus(kind: Cpus, node: Scalar): Read {
  const value = parseCpus(written(node))
  if (value !== undefined) return within(kind, value, number => `${number}`)
  return wrong('must be a number of CPUs such as 1.5 or 150%', node, cpusHint(node))
}

function readWorded(kind: Worded, node: Scalar): Read {
  const words = Object.keys(kind.words)
  if (typeof node.value === 'string' && words.includes(node.value)) return {value: node.value}
  const read = readScalar(kind.of, node)
  if ('value' in read) return read
  const near = typeof node.value === 'string' ? nearest(node.value, words) : undefined
  const hint = read.suggestion ?? wordHint(node, words) ?? (near && `did you mean ${near}?`)
  // A number that is out of bounds is a complaint of its own.
  if (!read.says.includes(', not ') || read.says.startsWith('must be from')) return read
  const says = read.says.replace(', not ', `${words.length > 1 ? ',' : ' or'} ${either(words)}, not `)
  return hint === undefined ? {says} : {says, suggestion: hint}
}

function readRlimitNode(kind: Rlimit, node: Scalar): Read {
  return readRlimit(written(node), kind.unit)
}

function readSpelled(kind: Spelled, node: Scalar): Read {
  const text = written(node)
  return controlComplaint(text) ?? kind.read(text)
}

/** The text of a value that YAML may have taken for a number. */
function written(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

function readChoice(kind: Choice, node: Scalar): Read {
  const known = Object.keys(kind.values)
  if (typeof node.value === 'string' && known.includes(node.value)) return {value: node.value}
  const word = String(node.value)
  const {instead = {}} = kind
  if (Object.hasOwn(instead, word.toLowerCase()))
    return wrong(`must be ${either(known)}`, node, instead[word.toLowerCase()])
  const near = nearest(word, known)
  return wrong(`must be ${either(known)}`, node, near && `did you mean ${near}?`)
}

function within(
  {min, max}: {min: number; max: number},
  value: number,
  format: (value: number) => string,
): Read {
  if (value >= min && value <= max) return {value}
  return {says: `must be from ${format(min)} to ${format(max)}, not ${format(value)}`}
}

function wrong(must: string, node: Scalar, suggestion: string | undefined): Complaint {
  const says = `${must}, not ${found(node)}`
  return suggestion === undefined ? {says} : {says, suggestion}
}

/** A wrong value in a message: what it is, and what it says when it is text. */
export function found(node: unknown): string {
  return isScalar(node) && typeof node.value === 'string' && node.value !== ''
    ? quote(node.value)
    : describe(node)
}
