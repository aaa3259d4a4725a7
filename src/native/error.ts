/** A system call that failed: what Node's own errors carry (`code`, `errno`, `syscall`, `path`), thrown by the addon. */
export class NativeError extends Error {
  override readonly name = 'NativeError'
  /** The name of the errno, e.g. `ENOENT`. */
  readonly code: string
  /** Its positive number on this machine. */
  readonly errno: number
  readonly syscall: string
  readonly path: string | undefined

  constructor(code: string, errno: number, syscall: string, path: string | undefined, description: string) {
    super(path === undefined ? `${syscall}: ${description}` : `${path}: ${description} (${syscall})`)
    this.code = code
    this.errno = errno
    this.syscall = syscall
    this.path = path
  }
}
