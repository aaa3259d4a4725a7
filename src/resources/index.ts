/*
 * The resources room: where servers' cgroups are and who owns the tree, what limits a definition means on this host, and
 * how they are written, changed live and read back. It knows cgroup v2 and systemd's scopes; the life of a server is not its.
 */
export {assignCpus, type CpuClaim, NoCpus, reassigned, sharedCpus} from './assign.ts'
export {
  freezeCgroup,
  handDownTo,
  prepareParent,
  prepareSlice,
  processesIn,
  removeCgroup,
  removeParent,
} from './cgroup.ts'
export {type CgroupPlace, cgroupPlace, type Scope, serverScope} from './cgroup-place.ts'
export {readCpuList} from './cpu-list.ts'
export {type Desired, desiredLimits} from './desired.ts'
export type {CpuAssignment} from './desired-cpu.ts'
export {cpuFacts, type NumaNode, type ResourceFacts, resourceFacts} from './facts.ts'
export {awaitLimits, groupDirectory, NoSuchLimit, notKept, readLimit} from './group-files.ts'
export {type Group, identityOf, type Limit, type Unenforceable} from './limit.ts'
export {
  applySteps,
  type LiveGroup,
  liveSteps,
  type OldValue,
  oldValues,
  undoSteps,
  withoutLimit,
} from './live.ts'
export {ineffectiveDevices} from './measure.ts'
export {balanceProtection, isProtected, requireMemory} from './protection.ts'
export {enterScope, leaveScope, setUnitProperties, stopUnit} from './scope.ts'
export {type UnitProperty, unitProperty} from './unit.ts'
export {
  type Bound,
  emptiedLedger,
  hugepageSizes,
  isMonth,
  kernelPeaks,
  type Ledger,
  type MonthUse,
  monthName,
  type Pressure,
  type Pressures,
  parseLedger,
  pressureFiles,
  type Rates,
  type RecentPressure,
  type Refusal,
  type ResourceUse,
  ratesBetween,
  readGroup,
  readIfThere,
  readMonth,
  readPressures,
  readRecentPressure,
  readRefusals,
  recentPressure,
  resourceUses,
  type Sample,
  type Stall,
  takeSample,
  usageFiles,
} from './usage/index.ts'
