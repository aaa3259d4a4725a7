/** Gives a slot free. */
export type Release = () => void

/** How many may be at work at once; whoever wants to begin takes a slot, in the order of asking. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  /** @param count at least 1; Infinity: no bound */
  constructor(count: number) {
    this.#free = count
  }

  /** Waits for a slot; the function that comes back gives it free again, and does nothing when it is called once more. */
  async take(): Promise<Release> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#give()
    }
  }

  #give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next() // the slot goes from hand to hand
  }
}
