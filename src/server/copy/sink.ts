/** What an archive says of an entry, as far as it is believed. */
export interface Attributes {
  readonly mode: number
  readonly modified: Date
}

/**
 * Where the entries of an archive go, once they have been looked at: paths are relative, without `.` and `..`, nothing lies below
 * what is no directory, and no name comes twice.
 */
export interface Sink {
  /** Without attributes it is only on the way to something. With them they count once all has come. */
  directory(path: string, attributes?: Attributes): void
  /** A file begins; as many bytes as it has come next. */
  file(path: string, size: number, attributes: Attributes): void
  data(chunk: Uint8Array): void
  endFile(): void
  link(path: string, target: string, attributes: Attributes): void
  /** A further name of a file that came before. */
  name(path: string, other: string): void
  /** All has come. */
  finish(): void
  /** Closes what a failure left open. */
  close(): void
}
