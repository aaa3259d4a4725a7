/**
 * The one error class of vps. An error states the reason in one sentence, carries its cause, and says the way out.
 * It is rendered once, at the edge (`src/ui`); layers in between wrap it with `cause` and do not log it.
 */

/** Exit codes of the CLI; the API's errors carry the one their command will exit with. */
export const ExitCode = {
  done: 0,
  failed: 1,
  wrongUse: 2,
  noSuchServer: 3,
  wrongState: 4,
  hostCannot: 5,
  /** `capacity`: more is promised than the host may promise. */
  overcommitted: 6,
  /** `plan`: applying would change something. */
  changesPending: 6,
  /** `exec`, `enter`, `run`: vps itself failed, as opposed to the command it ran. */
  execFailed: 125,
  /** `apply`: Ctrl-C, or SIGTERM. */
  interrupted: 130,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

export interface VpsErrorOptions {
  /** What went wrong one layer below. */
  readonly cause?: unknown
  /** Ways out, each a phrase an admin can act on; rendered as a list. */
  readonly suggestions?: readonly string[]
  /** Defaults to `failed` (1). */
  readonly exitCode?: ExitCode
}

/** An error an admin can act on: a stable `code` for programs, one sentence for people. */
export class VpsError extends Error {
  override readonly name = 'VpsError'
  /** Upper snake case, stable across releases, e.g. `NO_SUCH_SERVER`. */
  readonly code: string
  readonly exitCode: ExitCode
  readonly suggestions: readonly string[]

  constructor(code: string, message: string, options: VpsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    this.code = code
    this.exitCode = options.exitCode ?? ExitCode.failed
    this.suggestions = options.suggestions ?? []
  }
}
