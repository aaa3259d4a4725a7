/*
 * The fleet room: many servers described together and changed together. It owns the language of fleet files, the plan of what
 * would change, applying it, and the order in which servers start and stop; what one server needs is the server room's.
 */
export {FleetHost} from './host.ts'
