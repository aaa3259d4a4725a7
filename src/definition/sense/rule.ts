import type {Grade, Path} from '../problems.ts'
import type {Definition} from '../schema.ts'

/** What a check of sense sees. Values that were wrong by themselves are at their defaults (an empty text in a list). */
export interface Sense {
  readonly definition: Definition
  /** What the server must be called, from the file's name or the caller; undefined when anything goes. */
  readonly expectedName: string | undefined
  /** Whether that name is the file's, as opposed to the caller's. */
  readonly isNameOfFile: boolean
  /** Directories of vps itself, which no server may be shown. */
  readonly reserved: readonly string[]
  /** Whether a key stands in the file, as opposed to being a default. */
  written(path: Path): boolean
  report(grade: Grade, path: Path, message: string, suggestion?: string): void
}

/** One check of sense: a small function that reports what it finds, or nothing. */
export type Rule = (sense: Sense) => void
