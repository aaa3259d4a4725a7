/*
 * The host room: where things are, what this kernel can do, how files are written so that a power cut does no harm,
 * who may change a server now (locks), which id ranges are taken, and what the admin configured in host.yaml.
 */
export {aborted, pause, throwIfAborted} from './abort.ts'
export {
  makeDirectory,
  removeTemporaries,
  removeTemporariesOf,
  removeTree,
  renameDurable,
  stageDefinition,
  syncDirectory,
  type WriteOptions,
  writeDefinition,
  writeFileAtomic,
  writeNewFile,
} from './atomic.ts'
export {
  type Accounting,
  DEFAULT_CONFIG,
  type HostConfig,
  IDS_PER_SERVER,
  type IdRange,
  type Overcommit,
  parseHostConfig,
  readHostConfig,
} from './config.ts'
export {DEFAULT_NETWORK, type NetworkConfig, type Pool} from './config-network.ts'
export {type Check, checkHost} from './doctor.ts'
export {errno, ifMissing, isMissing, writeError} from './errno.ts'
export {EVENT_TYPES, type EventType, eventLine, type HostEvent, recordEvent} from './events.ts'
export {type EventOptions, parseEvent, readEvents} from './events-read.ts'
export {
  atLeast,
  type Cgroup2,
  canIdmap,
  exists,
  findCgroup2,
  type HostFacts,
  hostFacts,
  parseVersion,
} from './facts.ts'
export {conflicts, type ForeignIds, foreignIdRanges, parseAccounts, parseSubordinate} from './foreign-ids.ts'
export {Fresh} from './fresh.ts'
export {
  claimIdSlot,
  type IdSlot,
  idSlotsOf,
  listIdSlots,
  releaseIdSlot,
  renameIdSlot,
  slotCount,
  slotOwner,
  slotRange,
  takeIdSlot,
} from './ids.ts'
export {addLink, forgetLinks, readLink, readLinks, removeLink} from './links.ts'
export {holder, type Lock, type LockOptions, lockFile, lockServer} from './lock.ts'
export {type Mount, mountOf, parseMounts, readMounts} from './mounts.ts'
export {
  type HostPaths,
  hostPaths,
  reservedTrees,
  type ServerPaths,
  serverPaths,
  storagePaths,
} from './paths.ts'
export {type Privilege, privilegeProblem, readPrivilege, requirePrivilege} from './privilege.ts'
export {type Progress, silent} from './progress.ts'
export {programProblem} from './trusted.ts'
export {Watch, type Watched} from './watch.ts'
