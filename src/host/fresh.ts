/** How long a fact of the host is believed. Many servers that are started at once then look for it once. */
const BELIEVED_MS = 1000

interface Known<Value> {
  readonly value: Value
  readonly until: number
}

/**
 * Remembers facts of the host that change rarely and by nothing that a verb does, for as long as it takes to start a few servers. A
 * command on its own looks once; a program that starts hundreds looks once a second.
 */
export class Fresh<Value> {
  readonly #known = new Map<string, Known<Value>>()

  /** The fact `key`, by `read` unless it is known. A promise that fails is not remembered. */
  get(key: string, read: () => Value): Value {
    const now = performance.now()
    const known = this.#known.get(key)
    if (known !== undefined && now < known.until) return known.value
    for (const [other, {until}] of this.#known) if (until <= now) this.#known.delete(other)
    const value = read()
    this.#known.set(key, {value, until: now + BELIEVED_MS})
    if (value instanceof Promise) value.catch(() => this.#known.delete(key))
    return value
  }
}
