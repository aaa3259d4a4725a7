/*
 * The security room: what a server is confined by. Capabilities, system calls, devices and masked paths, each with its
 * default and with what a definition's `security` changes of it.
 */
export {boundingNumbers, boundingSet} from './capabilities.ts'
export {type Device, deviceRules, devices} from './devices.ts'
export {seccompFilter} from './filter.ts'
export {masks} from './masks.ts'
export {seccompRules} from './seccomp.ts'
