import {closeSync, openSync, renameSync, statSync, writeSync} from 'node:fs'

/** Beyond this many bytes of one step nothing is kept: a server shall not fill the host's disk. */
const MOST_OF_A_STEP = 4 * 1024 * 1024
/** A log that is longer than this is put aside when a new one begins. */
const ROTATE_OVER = 1024 * 1024
const LAST_LINES = 10
const LONGEST_LINE = 500
/** A shorter word is in every text by chance. */
const SHORTEST_SECRET = 4

/** What the steps of a server printed, without the secrets that they were given. Only root can read it. */
export class ProvisionLog implements Disposable {
  readonly path: string
  readonly #fd: number
  #left = 0
  #rest = ''
  #secrets: readonly string[] = []
  #last: string[] = []

  constructor(path: string) {
    this.path = path
    const size = statSync(path, {throwIfNoEntry: false})?.size ?? 0
    if (size > ROTATE_OVER) renameSync(path, `${path}.1`)
    this.#fd = openSync(path, 'a', 0o600)
  }

  /** A step begins. @param secrets are shown as *** */
  begin(step: string, secrets: readonly string[]): void {
    this.#left = MOST_OF_A_STEP
    this.#rest = ''
    this.#last = []
    this.#secrets = secrets
      .flatMap(secret => secret.split('\n'))
      .filter(line => line.length >= SHORTEST_SECRET)
    writeSync(this.#fd, `=== ${new Date().toISOString()} ${step}\n`)
  }

  /** Output of the step, as it comes. Lines are kept together, so that no secret is seen in two halves. */
  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('utf8')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    if (this.#rest.length <= MOST_OF_A_STEP) return
    this.#line(this.#rest)
    this.#rest = ''
  }

  /** The step has ended. @returns its last lines */
  end(outcome: string): string[] {
    if (this.#rest !== '') this.#line(this.#rest)
    this.#rest = ''
    writeSync(this.#fd, `=== ${outcome}\n`)
    return this.#last
  }

  #line(line: string): void {
    const shown = this.#secrets.reduce((text, secret) => text.replaceAll(secret, '***'), line)
    this.#last = [...this.#last.slice(1 - LAST_LINES), shown.slice(0, LONGEST_LINE)]
    if (this.#left <= 0) return
    this.#left -= shown.length + 1
    writeSync(this.#fd, this.#left > 0 ? `${shown}\n` : '… what follows was not kept\n')
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
