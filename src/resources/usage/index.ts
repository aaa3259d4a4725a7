/*
 * What servers use and are refused: the supervisors' accounts (ledger, months, refusals) and the cgroups' own files, read and
 * put together. It writes nothing but an emptied ledger's text; who may do so and when is the server room's.
 */
export type {Bound} from './cgroup-text.ts'
export {readIfThere, usageFiles} from './files.ts'
export {hugepageSizes} from './hugepages.ts'
export {emptiedLedger, type Ledger, parseLedger} from './ledger.ts'
export {isMonth, type MonthUse, monthName, readMonth} from './months.ts'
export {kernelPeaks} from './peaks.ts'
export {
  type Pressure,
  type Pressures,
  pressureFiles,
  type RecentPressure,
  readPressures,
  readRecentPressure,
  recentPressure,
  type Stall,
} from './pressure.ts'
export {type GroupReading, readGroup} from './reading.ts'
export {type Refusal, readRefusals} from './refusals.ts'
export {type ResourceUse, resourceUses} from './resources.ts'
export {type Rates, ratesBetween, type Sample, takeSample} from './sample.ts'
