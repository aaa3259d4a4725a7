import type {Loaded} from '../definition/index.ts'

/** What an image says about the root that servers build on; `ImageInfo` of the image room has these. */
export interface LaunchImage {
  /** Directory of the read-only root file system, owner ids 0..65535. */
  readonly rootfs: string
  /** Directories of the host that the server sees read-only. */
  readonly hostTrees: readonly {readonly source: string; readonly target: string}[]
  readonly init: {readonly kind: string; readonly path: string | null}
}

/** What vps itself chose for a server. */
export interface LaunchServer {
  readonly name: string
  readonly uuid: string
  /** The host's id of the server's root. */
  readonly idBase: number
  /** Directory that holds `upper` and `work` of the server's own layer. */
  readonly layer: string
  readonly storageDir: string
  readonly runDir: string
  /** The server's cgroup, an absolute directory. */
  readonly cgroup: string
  /** Where the cgroup2 file system is mounted. */
  readonly cgroupRoot: string
}

/** All that a launch plan depends on. */
export interface LaunchInput {
  readonly loaded: Loaded
  readonly server: LaunchServer
  readonly image: LaunchImage
  /** The compiled seccomp filter in hex, see `seccompFilter`. */
  readonly seccomp: string
  /** Path of the vps-init program. */
  readonly vpsInit: string
}
