import type {Progress} from '../host/index.ts'
import type {Parameters} from './parameters.ts'
import type {HostTree, Init, Recipe} from './types.ts'

/** What a builder is given to think about. */
export interface BuildRequest {
  /** Its parameters are filled in already. */
  readonly recipe: Recipe
  readonly parameters: Parameters
}

export interface BuildContext {
  /** A new empty directory of root's, 0755, below which all is to be made. May be replaced by another at the same path. */
  readonly rootfs: string
  /** A directory for scratch files beside it; both are gone if the build fails. */
  readonly scratch: string
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}

/** A build thought through: nothing is made yet, but it is known what it will be made of. */
export interface PreparedBuild {
  /** What the image depends on beside recipe and parameters; JSON, hashed into the image's address. */
  readonly facts: unknown
  readonly hostTrees: readonly HostTree[]
  /** Init, when the builder knows better than `detectInit`. */
  readonly init?: Init
  build(context: BuildContext): Promise<void>
}

export interface Builder {
  /** Reads facts, changes nothing. @throws VpsError when the host lacks something, with how to get it */
  prepare(request: BuildRequest): Promise<PreparedBuild>
}
