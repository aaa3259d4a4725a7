/*
 * The words in which the schema is written: the kinds of values a key can have. They are plain data. The validator
 * (`read.ts`), the JSON Schema (`json-schema.ts`), the reference page (`reference.ts`) and the editor (`edit.ts`) each
 * walk them; TypeScript derives the types of a definition from them (`ValueOf`).
 */
import type {Bytes, Duration} from '../units.ts'

/** What a check has against a value: `says` reads on after the key, as in "hostname" + "must be ...". */
export interface Complaint {
  readonly says: string
  readonly suggestion?: string
}

/** A value, or what is wrong with what was written. */
export type Read<T = unknown> = {readonly value: T} | Complaint

export interface Text {
  readonly kind: 'text'
  /** What it must be, in an admin's words: `an absolute path`. */
  readonly expected: string
  readonly check?: (value: string) => Complaint | undefined
  /** One spelling for equal values, applied after the check. */
  readonly normalise?: (value: string) => string
  /** Takes numbers, true and false too, exactly as they are written: for the environment and for arguments. */
  readonly anyScalar?: boolean
  /** May hold line breaks and tabs. */
  readonly lines?: boolean
  /** In characters; 4096 unless told. */
  readonly maxLength?: number
  /** A pattern for editors (JSON Schema); `check` decides. */
  readonly pattern?: string
  /** Words an editor may offer; with `closed`, there are no others. */
  readonly words?: readonly string[]
  readonly closed?: boolean
}

export interface Flag {
  readonly kind: 'flag'
}

export interface Whole {
  readonly kind: 'whole'
  readonly min: number
  readonly max: number
}

export interface Span {
  readonly kind: 'duration'
  readonly min: Duration
  readonly max: Duration
}

export interface Size {
  readonly kind: 'bytes'
  readonly min: Bytes
  readonly max: Bytes
}

export interface Choice {
  readonly kind: 'choice'
  /** Each value with its documentation. */
  readonly values: Readonly<Record<string, string>>
  /** What else people write, each with the way out as a phrase: `write routed`. */
  readonly instead?: Readonly<Record<string, string>>
}

/** A value with a notation of its own, written as one text: `8080:80/tcp`, `100mbit`. */
export interface Spelled {
  readonly kind: 'spelled'
  /** What it must be, in an admin's words: `a rate such as 100mbit`. */
  readonly expected: string
  readonly read: (written: string) => Read
  /** The one spelling of a value. */
  readonly write: (value: never) => string
  /** A pattern for editors (JSON Schema); `read` decides. */
  readonly pattern: string
  /** What stands for a wrong value. */
  readonly blank: unknown
}

export interface List {
  readonly kind: 'list'
  readonly of: Kind
  readonly min?: number
  /** 1000 unless told. */
  readonly max?: number
  /** One value may stand for a list of it. */
  readonly single?: boolean
  /** The key by which an item is the same after a change: then its keys are compared one by one. */
  readonly identity?: string
}

/** A number of CPUs, fractions allowed: `1.5`, or `150%` of one. */
export interface Cpus {
  readonly kind: 'cpus'
  readonly min: number
  readonly max: number
}

/** One of a few words, or a value. */
export interface Worded {
  readonly kind: 'worded'
  /** Each word with its documentation. */
  readonly words: Readonly<Record<string, string>>
  readonly of: Whole | Size
}

/** What an rlimit counts; microseconds and seconds may be written as a span of time, bytes as an amount of data. */
export type RlimitUnit = 'count' | 'bytes' | 'seconds' | 'microseconds'

/** A limit of setrlimit(2) after parsing: decimal numbers in the unit of the kernel, or `infinity`. */
export interface RlimitValue {
  soft: string
  hard: string
}

export interface Rlimit {
  readonly kind: 'rlimit'
  readonly unit: RlimitUnit
}

/** A mapping from names the admin chooses to values of one kind. */
export interface Table {
  readonly kind: 'table'
  readonly of: Kind
  readonly checkName: (name: string) => Complaint | undefined
  readonly namePattern: string
  /** The only names there are, where each has documentation and perhaps a kind of its own (of the same type). */
  readonly names?: Readonly<Record<string, TableName>>
  /** Names hold dots: in `vps set sysctl.net.core.somaxconn=1024` all that follows the table's key is one name. */
  readonly dotted?: boolean
}

export interface TableName {
  readonly is: Kind
  readonly says: string
}

/** A mapping with declared keys. */
export interface Section {
  readonly kind: 'section'
  readonly keys: Readonly<Record<string, Key>>
  /** The key that a plain text stands for: `template: debian` is `template: {name: debian}`. */
  readonly short?: string
  /** Other keys are taken as they are, for whoever knows them. */
  readonly open?: boolean
  /** What to write instead of a text that stands where the section should. */
  readonly instead?: (text: string) => string | undefined
  /** Keys that are known elsewhere but cannot stand here, each with the reason. */
  readonly refused?: Readonly<Record<string, string>>
  /** What was meant by a key that is none. */
  readonly otherwise?: (name: string) => string | undefined
  /** Where the value is not what is written: made from the keys once all are read, and written out again. */
  readonly shape?: Shape
}

export interface Shape<Written = never, Value = never> {
  readonly read: (written: Written) => Read<Value>
  readonly write: (value: Value) => Readonly<Record<string, unknown>>
  /** What stands for a wrong value. */
  readonly blank: Value
}

/** A text or a list, whichever is written. */
export interface Either {
  readonly kind: 'either'
  readonly text: Text
  readonly list: List
}

export type Kind =
  | Text
  | Flag
  | Whole
  | Span
  | Size
  | Cpus
  | Choice
  | Spelled
  | Worded
  | Rlimit
  | List
  | Table
  | Section
  | Either

/** When a change of a key takes effect. */
export type Change = 'live' | 'restart'

export interface Key<K extends Kind = Kind> {
  readonly is: K
  /** One or two sentences for the reference page and for editors. */
  readonly says: string
  /** YAML of the key's value, as it would stand after `key: `. */
  readonly example?: string
  readonly change: Change
  readonly required?: boolean
  /** Null: not set, and `null` may be written to say so. */
  readonly default?: unknown
  /** What the default is, where it is computed from elsewhere. */
  readonly defaultSays?: string
  /** What other tools call it; only used to suggest this key. */
  readonly aka?: readonly string[]
}

declare const value: unique symbol
interface Typed<T> {
  readonly [value]?: T
}

/** The TypeScript type of the values of a kind. */
export type ValueOf<K> = K extends Typed<infer T> ? T : never

export const text = (kind: Omit<Text, 'kind'>): Text & Typed<string> => ({kind: 'text', ...kind})
export const flag: Flag & Typed<boolean> = {kind: 'flag'}
export const whole = (min: number, max: number): Whole & Typed<number> => ({kind: 'whole', min, max})
export const duration = (min: Duration, max: Duration): Span & Typed<Duration> => ({
  kind: 'duration',
  min,
  max,
})
export const bytes = (min: Bytes, max: Bytes): Size & Typed<Bytes> => ({kind: 'bytes', min, max})

export const cpus = (min: number, max: number): Cpus & Typed<number> => ({kind: 'cpus', min, max})

export const worded = <W extends string, K extends Whole | Size>(
  words: Readonly<Record<W, string>>,
  of: K,
): Worded & Typed<W | ValueOf<K>> => ({kind: 'worded', words, of})

export const rlimit = (unit: RlimitUnit): Rlimit & Typed<RlimitValue> => ({kind: 'rlimit', unit})

export const choice = <V extends string>(
  values: Readonly<Record<V, string>>,
  hints: Pick<Choice, 'instead'> = {},
): Choice & Typed<V> => ({kind: 'choice', values, ...hints})

export const spelled = <T>(
  notation: Pick<Spelled, 'expected' | 'pattern'> & {
    read: (written: string) => Read<T>
    write: (value: T) => string
    blank: T
  },
): Spelled & Typed<T> => ({kind: 'spelled', ...notation})

export const list = <K extends Kind>(
  of: K,
  limits: Pick<List, 'min' | 'max' | 'single' | 'identity'> = {},
): List & Typed<ValueOf<K>[]> => ({
  kind: 'list',
  of,
  ...limits,
})

export const table = <K extends Kind>(
  of: K,
  names: Pick<Table, 'checkName' | 'namePattern' | 'names' | 'dotted'>,
): Table & Typed<Record<string, ValueOf<K>>> => ({kind: 'table', of, ...names})

/** The kind of the value with a name. */
export function tableKind(kind: Table, name: string): Kind {
  const known = kind.names && Object.hasOwn(kind.names, name) ? kind.names[name] : undefined
  return known?.is ?? kind.of
}

type Keys = Readonly<Record<string, Key>>
type SectionValue<S extends Keys> = {-readonly [N in keyof S]: ValueOf<S[N]['is']>}

export const section = <S extends Keys>(
  keys: S,
  hints: Pick<Section, 'instead' | 'refused' | 'otherwise' | 'short'> = {},
): Section & Typed<SectionValue<S>> => ({kind: 'section', keys, ...hints})

/** A section whose value is made from what is written in it. */
export const shaped = <S extends Keys, T>(
  keys: S,
  shape: Shape<SectionValue<S>, T>,
  hints: Pick<Section, 'instead' | 'otherwise'> = {},
): Section & Typed<T> => ({kind: 'section', keys, shape: shape as unknown as Shape, ...hints})

/** A section that keeps keys it does not know, and can be written as one text. */
export const openSection = <S extends Keys>(
  keys: S,
  short: keyof S & string,
): Section & Typed<SectionValue<S> & {[parameter: string]: unknown}> => ({
  kind: 'section',
  keys,
  short,
  open: true,
})

export const either = <T extends Text, L extends List>(
  text: T,
  list: L,
): Either & Typed<ValueOf<T> | ValueOf<L>> => ({kind: 'either', text, list})

type Facts = Pick<Key, 'says' | 'change'> & Partial<Pick<Key, 'example' | 'aka' | 'defaultSays'>>

/** A key with its default. */
export const key = <K extends Kind>(is: K, facts: Facts & {default: ValueOf<K>}): Key<K> => ({is, ...facts})

/** A key that must be there. */
export const required = <K extends Kind>(is: K, facts: Facts): Key<K> => ({is, required: true, ...facts})

/** A key that may be left unset: its value is null then, and `defaultSays` tells what that means. */
export const optional = <K extends Kind>(
  is: K,
  facts: Facts & {defaultSays: string},
): Key<Kind & Typed<ValueOf<K> | null>> => ({
  // Null is in the type of the value only: what may be written is still what the kind says.
  is: is as unknown as Kind & Typed<ValueOf<K> | null>,
  ...facts,
  default: null,
})

/** A key whose value is a section; its default is that of its keys. */
export const group = <K extends Section>(is: K, facts: Facts): Key<K> => ({is, ...facts})
