/*
 * Whether the host can hold a fleet: sums over all servers that are to be there, held against its resources, its pools and what the
 * kernel allows. What a server needs of the kernel is in kernel.ts, with the reasons.
 */
export type {ServerToFit} from './demand.ts'
export {checkFit, checkFitOf, type FitOptions} from './fit.ts'
export type {FitRow, FitUnit, Setting} from './row.ts'
export {sysctlText} from './sysctl-file.ts'
