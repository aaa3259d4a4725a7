import type {HeaderData} from 'tar'

const BLOCK = 512
const LONGEST_NAME = 100

/** Zeros to the end of the block that so many bytes begin. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
}

/** What an archive ends with. */
export const END = Buffer.alloc(2 * BLOCK)

export interface TarEntry {
  readonly path: string
  readonly type: NonNullable<HeaderData['type']>
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly modified: Date
  readonly size?: number
  readonly target?: string
}

export type TarEncoder = (entry: TarEntry) => Buffer

/** Makes headers in GNU's format: busybox reads no long names in POSIX's. */
export async function tarEncoder(): Promise<TarEncoder> {
  const {Header} = await import('tar')
  const block = (data: HeaderData): Buffer => {
    const header = new Header(data)
    header.encode()
    return header.block ?? Buffer.alloc(0)
  }
  const long = (type: TarEntry['type'], text: string): Buffer[] => {
    const bytes = Buffer.from(`${text}\0`)
    if (bytes.length <= LONGEST_NAME) return []
    const header = {
      path: '././@LongLink',
      type,
      size: bytes.length,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: new Date(0),
    }
    return [block(header), bytes, padding(bytes.length)]
  }
  return ({path, type, mode, uid, gid, modified, size = 0, target = ''}) =>
    Buffer.concat([
      ...long('NextFileHasLongLinkpath', target),
      ...long('NextFileHasLongPath', path),
      block({path, type, mode, uid, gid, mtime: modified, size, linkpath: target}),
    ])
}
