/** Writes tar archives that no tar would: ustar blocks by hand, see tar(5). */
export interface RawEntry {
  readonly path: string
  /** 0 file, 1 hard link, 2 symbolic link, 3 character device, 4 block device, 5 directory, 6 FIFO. */
  readonly type?: string
  readonly content?: string
  readonly target?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** What the header claims, when it is not the content's. */
  readonly size?: number
}

export function rawTar(entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(rawEntry), Buffer.alloc(1024)])
}

function rawEntry(entry: RawEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? '')
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  }
  header.write(entry.path, 0, 100, 'latin1')
  octal(entry.mode ?? 0o755, 100, 8)
  octal(entry.uid ?? 0, 108, 8)
  octal(entry.gid ?? 0, 116, 8)
  octal(entry.size ?? content.length, 124, 12)
  octal(0, 136, 12)
  header.write('        ', 148, 'latin1')
  header.write(entry.type ?? '0', 156, 'latin1')
  header.write(entry.target ?? '', 157, 100, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
}

/** What makes an archive look like a root file system. */
export const plainRoot: readonly RawEntry[] = [
  {path: 'etc/', type: '5'},
  {path: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n', mode: 0o644},
  {path: 'usr/', type: '5'},
]
