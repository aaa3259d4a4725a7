import type {HostPaths, Progress} from '../host/index.ts'

/** A directory of the host that servers of an image see, read-only, at `target`. */
export interface HostTree {
  readonly source: string
  readonly target: string
}

export type InitKind = 'systemd' | 'sysvinit' | 'openrc' | 'busybox' | 'other' | 'none'

/** What `init: auto` runs; `path` is the guest's, null for kind `none`. */
export interface Init {
  readonly kind: InitKind
  readonly path: string | null
}

/** One image of the cache, as its `image.json` says. */
export interface ImageInfo {
  /** `TEMPLATE-<12 hex of the digest>`, also the directory's name. */
  readonly id: string
  readonly template: string
  /** All parameters of the template, defaults included. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The root file system's directory; owner ids on disk are 0..65535. */
  readonly rootfs: string
  readonly hostTrees: readonly HostTree[]
  readonly init: Init
  /** What the image takes on disk. */
  readonly sizeBytes: number
  /** ISO 8601, UTC. */
  readonly created: string
  /** SHA-256 over recipe, parameters and the facts that went into the image; 64 hex digits. */
  readonly digest: string
}

/** `template:` of a definition. */
export interface TemplateChoice {
  readonly name: string
  readonly [parameter: string]: unknown
}

export interface ImageOptions {
  readonly paths: HostPaths
  readonly progress?: Progress | undefined
  /** Calls a build off; what it made is removed. */
  readonly signal?: AbortSignal | undefined
  /** Directory that relative paths in parameters are relative to; default: the working directory. */
  readonly directory?: string | undefined
}

export type BuilderName = 'host' | 'mmdebstrap' | 'busybox' | 'tarball'

export type ParameterType = 'string' | 'integer' | 'boolean' | 'strings' | 'file'

export interface ParameterSpec {
  readonly type: ParameterType
  readonly description: string
  /** Missing: the parameter has to be given. */
  readonly default?: unknown
  /** Regular expression for the whole of a string, or of each of several. */
  readonly pattern?: string | undefined
  readonly choices?: readonly string[] | undefined
}

export interface Owned {
  readonly mode: number
  /** Name or number, looked up in the image's own accounts. */
  readonly user: string
  readonly group: string
}

export interface FileSpec extends Owned {
  readonly content: string
}

/** `id` missing: the number that the host gives to this name; an account that the host does not have is left out then. */
export interface UserSpec {
  readonly id: number | undefined
  readonly group: string
  readonly gecos: string
  readonly home: string
  readonly shell: string
}

export interface GroupSpec {
  readonly id: number | undefined
  readonly members: readonly string[]
}

/** A template, read and checked, what it extends merged in. */
export interface Recipe {
  readonly name: string
  /** The YAML file it came from. */
  readonly file: string
  /** That file, then those that it extends. */
  readonly sources: readonly string[]
  readonly description: string
  readonly builder: BuilderName
  readonly parameters: Readonly<Record<string, ParameterSpec>>
  readonly directories: Readonly<Record<string, Owned>>
  readonly files: Readonly<Record<string, FileSpec>>
  readonly links: Readonly<Record<string, string>>
  readonly users: Readonly<Record<string, UserSpec>>
  readonly groups: Readonly<Record<string, GroupSpec>>
  /** systemd units that are masked, each with the reason. */
  readonly mask: Readonly<Record<string, string>>
  /** systemd units that are enabled, each with the unit that wants it. */
  readonly enable: Readonly<Record<string, string>>
  /** `host`: paths of the host whose public files are copied. */
  readonly copy: readonly string[]
  /** `host`: directories of the host that are mounted read-only; a symbolic link is made again as a link. */
  readonly trees: readonly string[]
  /** `mmdebstrap`: packages on top of the variant. */
  readonly packages: readonly string[]
  /** `mmdebstrap`: shell commands that run in the new root at the end. */
  readonly run: readonly string[]
}

/** One thing to make in a root file system. Paths are absolute and as the guest sees them. */
export type Entry = {readonly path: string; readonly uid: number; readonly gid: number} & (
  | {readonly kind: 'directory'; readonly mode: number}
  | {readonly kind: 'file'; readonly mode: number; readonly content: string | Uint8Array}
  | {readonly kind: 'link'; readonly target: string}
)
