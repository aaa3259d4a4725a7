import type {Loaded} from '../definition/index.ts'
import type {Limit} from '../resources/index.ts'
import type {LaunchStep} from './plan.ts'

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

/** Controllers that are handed down to `supervisor` and `payload`. */
export interface LaunchControllers {
  /** Without these the start fails. */
  readonly required: readonly string[]
  /** For what the server may do with its own part of the tree: a systemd in it wants them. */
  readonly wanted: readonly string[]
}

/** All that a launch plan depends on. */
export interface LaunchInput {
  readonly loaded: Loaded
  readonly server: LaunchServer
  /** See `HostPaths.root`. */
  readonly root: string
  readonly image: LaunchImage
  /** The compiled seccomp filter in hex, see `seccompFilter`. */
  readonly seccomp: string
  /** Path of the vps-init program. */
  readonly vpsInit: string
  /** What is written to the cgroup's files, in order; see `desiredLimits`. */
  readonly limits: readonly Limit[]
  readonly controllers: LaunchControllers
  /** Whether the kernel keeps the server from all devices but those that it may have. */
  readonly guardDevices: boolean
  /** Links, addresses, routes and elements of rules; `networkSteps` of the network room. */
  readonly network: readonly LaunchStep[]
  /** Files in the root that the network is told by; `guestFiles` of the network room. */
  readonly networkFiles: readonly LaunchStep[]
  /** How often the supervisor saves what was used; 0: only at the end. */
  readonly accountingSeconds: number
}
