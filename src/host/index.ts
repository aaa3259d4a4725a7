/*
 * The host room: where things are, what this kernel can do, how files are written so that a power cut does no harm,
 * who may change a server now (locks), which id ranges are taken, and what the admin configured in host.yaml.
 */
export {
  makeDirectory,
  removeTemporaries,
  removeTree,
  renameDurable,
  syncDirectory,
  type WriteOptions,
  writeFileAtomic,
} from './atomic.ts'
export {errno, ifMissing, writeError} from './errno.ts'
export {holder, type Lock, type LockOptions, lockFile, lockServer} from './lock.ts'
export {type Mount, mountOf, parseMounts, readMounts} from './mounts.ts'
export {type HostPaths, hostPaths, type ServerPaths, serverPaths, storagePaths} from './paths.ts'
export {type Progress, silent} from './progress.ts'
