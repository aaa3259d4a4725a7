/*
 * The server room: the life of one server, from create to destroy, over crashes of anything at any point. It owns the state
 * on disk (server.json, journals, summaries) and speaks to supervisors; how a start is done is the launch room's.
 */
export type {AttachOptions} from './attach.ts'
export {
  type CapacityReport,
  type CreatedServer,
  createdServers,
  type SplitOptions,
  type SplitReport,
} from './capacity.ts'
export {type Assignment, replaceDefinition} from './change.ts'
export type {
  CopyBetweenOptions,
  CopyBetweenReport,
  CopyInOptions,
  CopyInReport,
  CopyOutOptions,
  CopyOutReport,
} from './copy/index.ts'
export {type CreateSource, create} from './create.ts'
export {destroy} from './destroy.ts'
export type {DiffOptions, ServerDiff} from './diff.ts'
export type {DefinitionChange} from './difference.ts'
export type {ExecOptions, ExecResult, OutputStream} from './exec.ts'
export {StartFault} from './fault.ts'
export {
  type HistoryEntry,
  type HistoryNote,
  type HistoryOrigin,
  type HistoryVerb,
  recordHistory,
} from './history.ts'
export type {HistoryItem, HistoryOptions, HistoryPoint} from './history-view.ts'
export {hookError} from './hooks.ts'
export {type ExplainedPlan, Host, type HostOptions, type OriginOptions, type VerbOptions} from './host.ts'
export {killNow} from './hurry.ts'
export {type Leftover, repairGone} from './leftovers.ts'
export {type ListFilter, listServers, type Selection, serverNames} from './list.ts'
export type {LogOptions} from './logs.ts'
export type {ServerMonth} from './months.ts'
export {type NetworkDifference, sentence as differenceText} from './network/check.ts'
export type {FirewallRule, FirewallView} from './network/firewall.ts'
export {type ParsingOptions, parseOptions} from './parse-options.ts'
export {type Place, readPlaces} from './places.ts'
export type {EffectiveDefinition, ProfileDetails, ProfileView} from './profiles.ts'
export type {GeneratedPassword} from './provision/index.ts'
export type {ProvisionOptions, ProvisionReport} from './provision.ts'
export {readRecord, type ServerRecord, writeRecord} from './record.ts'
export {restart} from './restart.ts'
export type {RollbackReport} from './rollback.ts'
export type {Health} from './run-state.ts'
export type {Script} from './script.ts'
export type {ServerFilter} from './select.ts'
export {openSession, type Session, wrongState} from './session.ts'
export {
  readAs,
  runningDefinition,
  type Standing,
  standingOf,
  type Unfinished,
  unfinishedServers,
} from './standing.ts'
export {type StartOptions, start, waitReady} from './start.ts'
export {type StopOptions, stop} from './stop.ts'
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
  Context,
  CreateReport,
  HookFacts,
  HookFailure,
  HookName,
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
export {WAIT_STATES, type WaitOptions, type WaitReport, type WaitState} from './wait.ts'
export {noteUp} from './wanted.ts'
