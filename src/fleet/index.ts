/*
 * The fleet room: many servers described together and changed together. It owns the language of fleet files, the plan of what
 * would change, applying it, and the order in which servers start and stop; what one server needs is the server room's.
 */
export type {ApplyOptions} from './apply.ts'
export {type BootOptions, type BootOutcome, type BootReport, type BootResult, bootProblem} from './boot.ts'
export {type BulkOptions, type BulkOutcome, forEachServer} from './bulk.ts'
export {
  type CheckedFleet,
  checkFleet,
  type Fleet,
  type FleetOptions,
  type FleetServer,
  fleetJsonSchema,
  InvalidFleet,
  isFleetFile,
  loadFleet,
} from './file/index.ts'
export {checkFit, type FitRow, type FitUnit, type ServerToFit, sysctlText} from './fit/index.ts'
export {FleetHost} from './host.ts'
export type {PlanOptions} from './options.ts'
export {
  DependencyCycle,
  inOrder,
  type Ordered,
  type OrderOptions,
  type Outcome,
  orderOf,
  reversed,
  type Turn,
  untangle,
} from './order.ts'
export type {ApplyEvent, ApplyReport, ServerOutcome} from './report.ts'
export type {ServiceKind, ServiceOptions, ServiceReport} from './service/index.ts'
export type {ShutdownOptions, ShutdownOutcome, ShutdownReport} from './shutdown.ts'
export type {Release} from './slots.ts'
export {
  type FleetPlan,
  type InterruptedApply,
  type KeyChange,
  type PlannedServer,
  type PlanSummary,
  type PresentState,
  STEPS,
  type Step,
} from './types.ts'
