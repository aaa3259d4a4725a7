import {type FSWatcher, watch} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'

/** A directory, or one name in it, that may change. */
export interface Watched {
  readonly directory: string
  readonly entry?: string
}

/** Where inotify can't be had, it is looked at again after this time. */
const LOOK_AGAIN_MS = 500

/**
 * Tells that something in directories changed: names that came, went or were written to. From its making on no change is
 * missed, so look after making it. A directory that does not exist is not watched.
 */
export class Watch implements Disposable {
  readonly #watchers: FSWatcher[] = []
  #blind = false
  #changed = false
  #wake: (() => void) | undefined

  constructor(places: readonly Watched[]) {
    for (const {directory, entry} of places) this.#add(directory, entry)
  }

  /** Resolves with true after a change since the last call (or perhaps one), with false when `signal` is aborted. */
  async next(signal?: AbortSignal): Promise<boolean> {
    if (!this.#changed && signal?.aborted !== true) await this.#change(signal)
    this.#changed = false
    return signal?.aborted !== true
  }

  #add(directory: string, entry: string | undefined): void {
    try {
      const watcher = watch(directory, (_, name) => {
        if (entry === undefined || name === null || name === entry) this.#note()
      })
      this.#watchers.push(watcher)
      watcher.on('error', () => this.#lose())
    } catch (error) {
      // What is missing is for the caller to expect; else inotify's limits are used up.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#blind = true
    }
  }

  async #change(signal: AbortSignal | undefined): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    this.#wake = wake
    signal?.addEventListener('abort', wake, {once: true})
    try {
      await (this.#blind ? Promise.race([promise, sleep(LOOK_AGAIN_MS)]) : promise)
    } finally {
      signal?.removeEventListener('abort', wake)
      this.#wake = undefined
    }
  }

  #note(): void {
    this.#changed = true
    this.#wake?.()
  }

  #lose(): void {
    this.#blind = true
    this.#note()
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close()
  }
}
