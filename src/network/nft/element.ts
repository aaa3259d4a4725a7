/*
 * Elements of sets as steps of a plan, and back as text for nft.
 */
import type {Origin} from '../../definition/index.ts'
import {type SetShape, setNamed} from '../rules/sets.ts'
import type {NetworkStep} from '../step.ts'
import {decodeFields, encodeFields, type FieldValue, fieldsText} from './fields.ts'

export interface ElementValue {
  readonly key: readonly FieldValue[]
  /** The last key of a range. */
  readonly end?: readonly FieldValue[]
  /** The value in a map, or the chain that is jumped to. */
  readonly data?: readonly FieldValue[] | {readonly jump: string}
}

/** `nft-element FAMILY TABLE SET KEY KEY-END DATA`, see native/supervisor/network/elements.c. */
export function elementStep(
  table: string,
  set: SetShape,
  {key, end, data}: ElementValue,
  origin: Origin | null = null,
): NetworkStep {
  const last = end === undefined ? '' : encodeFields(set.key, end)
  const args = [encodeFields(set.key, key), last, dataWord(set, data)]
  return {op: 'nft-element', arguments: [set.family ?? 'inet', table, set.name, ...args], origin}
}

function dataWord(set: SetShape, data: ElementValue['data']): string {
  if (data === undefined) return ''
  if ('jump' in data) return `jump:${data.jump}`
  return `value:${encodeFields(Array.isArray(set.data) ? set.data : [], data)}`
}

/** What an `nft-element` step is about. */
export interface ElementFound {
  readonly set: SetShape
  readonly key: readonly FieldValue[]
  /** As nft writes it. */
  readonly text: string
}

/** The set of an `nft-element` step and the element as nft writes it; `undefined` for another step, or a set of another version. */
export function elementOf({
  op,
  arguments: args,
}: Pick<NetworkStep, 'op' | 'arguments'>): ElementFound | undefined {
  const [, , name, key = '', end = '', data = ''] = args
  const set = name === undefined ? undefined : setNamed(name)
  if (op !== 'nft-element' || set === undefined) return undefined
  const text = (hex: string) => fieldsText(set.key, decodeFields(set.key, hex))
  const range = end === '' ? text(key) : `${text(key)}-${text(end)}`
  return {set, key: decodeFields(set.key, key), text: range + dataText(set, data)}
}

function dataText(set: SetShape, word: string): string {
  const [kind, rest = ''] = word.split(/:(.*)/s)
  if (kind === 'jump') return ` : jump ${rest}`
  if (kind !== 'value' || set.data === undefined || set.data === 'verdict') return ''
  return ` : ${fieldsText(set.data, decodeFields(set.data, rest))}`
}
