import type {Provenance} from '../../definition/index.ts'

/** What a variable says. */
export interface Value {
  readonly text: string
  /** Where it is written, if it is in a file. */
  readonly from?: Provenance | undefined
}

/** The variables that count at a place. */
export interface Scope {
  /** Undefined when there is no such variable. */
  value(name: string): Value | undefined
  /** Whether a variable differs from server to server. */
  isOwn(name: string): boolean
  /** All names, for suggestions. */
  readonly names: readonly string[]
  /** Where else to look, for messages: `the columns of tenants.csv are name, size`. */
  readonly hint?: string
}

/** Variables of a server before those that are the same for all. */
export function innerScope(own: ReadonlyMap<string, Value>, outer: Scope, hint: string | undefined): Scope {
  return {
    value: name => own.get(name) ?? outer.value(name),
    isOwn: name => own.has(name),
    names: [...own.keys(), ...outer.names],
    ...(hint === undefined ? {} : {hint}),
  }
}
