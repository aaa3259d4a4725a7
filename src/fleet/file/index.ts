/*
 * The language of fleet files: reading them, with their profiles, ranges, tables and variables, to one definition per server.
 */
export {type CheckedFleet, checkFleet, isFleetFile} from './check.ts'
export {fleetJsonSchema} from './json-schema.ts'
export {type Fleet, type FleetOptions, loadFleet} from './load.ts'
export {InvalidFleet} from './problems.ts'
export type {FleetServer} from './server.ts'
