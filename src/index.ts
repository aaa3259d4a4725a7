/*
 * The public API: everything the command line does.
 *
 *   import {Host} from 'vps'
 *   const host = await Host.open()
 *   await host.create('web1', {template: 'debian', start: true})
 */
export {ExitCode, VpsError, type VpsErrorOptions} from './errors.ts'
export {
  type ApplyEvent,
  type ApplyOptions,
  type ApplyReport,
  FleetHost as Host,
  type FleetPlan,
  type InterruptedApply,
  type KeyChange,
  type PlannedServer,
  type PlanOptions,
  type PlanSummary,
  type ServerOutcome,
  type Step,
} from './fleet/index.ts'
export {
  type Check,
  EVENT_TYPES,
  type EventOptions,
  type EventType,
  type HostEvent,
  type HostPaths,
  type IdRange,
  type Progress,
} from './host/index.ts'
export type {ImageInfo} from './image/index.ts'
export type {LaunchPlan, LaunchStep} from './launch/index.ts'
export type {CapacityRow, ResourceName} from './resources/capacity/index.ts'
export type {
  Bound,
  MonthUse,
  Pressure,
  Pressures,
  RecentPressure,
  Refusal,
  ResourceUse,
  Stall,
} from './resources/index.ts'
export {
  type Assignment,
  type AttachOptions,
  type CapacityReport,
  type CreateReport,
  type CreateSource,
  type ExplainedPlan,
  type Finding,
  type FindingState,
  type GeneratedPassword,
  type HostOptions,
  type ListFilter,
  type LogOptions,
  type Phase,
  type ProcessRow,
  type Selection,
  type ServerDetails,
  type ServerMonth,
  type ServerRefusal,
  type ServerState,
  type ServerUsage,
  type ServerView,
  type SetReport,
  type SplitOptions,
  type SplitReport,
  StartFault,
  type StartOptions,
  type StartReport,
  type StopOptions,
  type StopReport,
  sortTop,
  TOP_ORDERS,
  type TopOptions,
  type TopOrder,
  type TopReport,
  type TopRow,
  type Unit,
  VERIFY_PARTS,
  type VerbOptions,
  type VerifyOptions,
  type VerifyPart,
  type VerifyReport,
  WAIT_STATES,
  type WaitOptions,
  type WaitReport,
  type WaitState,
} from './server/index.ts'
