/*
 * What servers were promised, held against the host; and the host divided into equal servers. Arithmetic on definitions: the
 * kernel is only asked how much there is.
 */
export {type CapacityRow, compareCapacity, type Tenant} from './compare.ts'
export {type HostCapacity, hostCapacity, meminfoBytes} from './host.ts'
export {shareProfile} from './profile.ts'
export type {Promising, ResourceName} from './promises.ts'
export {type Share, splitHost} from './split.ts'
