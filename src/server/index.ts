/*
 * The server room: the life of one server, from create to destroy, over crashes of anything at any point. It owns the state
 * on disk (server.json, journals, summaries) and speaks to supervisors; how a start is done is the launch room's.
 */
export type {AttachOptions} from './attach.ts'
export type {CapacityReport, SplitOptions, SplitReport} from './capacity.ts'
export type {Assignment} from './change.ts'
export type {CreateSource} from './create.ts'
export {StartFault} from './fault.ts'
export {
  type HistoryEntry,
  type HistoryNote,
  type HistoryOrigin,
  type HistoryVerb,
  recordHistory,
} from './history.ts'
export {type ExplainedPlan, Host, type HostOptions, type OriginOptions, type VerbOptions} from './host.ts'
export type {Leftover} from './leftovers.ts'
export type {ListFilter, Selection} from './list.ts'
export type {LogOptions} from './logs.ts'
export type {ServerMonth} from './months.ts'
export {type NetworkDifference, sentence as differenceText} from './network/check.ts'
export type {FirewallRule, FirewallView} from './network/firewall.ts'
export type {EffectiveDefinition, ProfileDetails, ProfileView} from './profiles.ts'
export type {ServerFilter} from './select.ts'
export type {StartOptions} from './start.ts'
export type {StopOptions} from './stop.ts'
export {
  sortTop,
  TOP_ORDERS,
  type TopOptions,
  type TopOrder,
  type TopReport,
  type TopRow,
} from './top.ts'
export type {ServerTraffic, TrafficMonth} from './traffic.ts'
export type {
  LinkView,
  NetworkAddress,
  NetworkPool,
  Pending,
  Phase,
  ProcessRow,
  ServerDetails,
  ServerState,
  ServerView,
  SetReport,
  StartReport,
  StopReport,
  Unenforced,
} from './types.ts'
export type {ServerRefusal, ServerUsage} from './usage.ts'
export type {Finding, FindingState, Unit} from './verify/finding.ts'
export {VERIFY_PARTS, type VerifyOptions, type VerifyPart, type VerifyReport} from './verify.ts'
