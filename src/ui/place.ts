/** A word of a command that copies: `web1:/etc`, `'web*:/etc'`, `:/etc`, or a path of the host. */
export interface PlaceWord {
  /** A name or a pattern, empty where flags say which servers; undefined for the host. */
  readonly server: string | undefined
  readonly path: string
}

/** As scp(1) has it: a colon before any slash divides server and path. */
export function splitPlace(word: string): PlaceWord {
  const [, server, path = ''] = /^([^/:]*):([\s\S]*)$/.exec(word) ?? []
  return server === undefined ? {server, path: word} : {server, path}
}
