/*
 * The network room: which addresses servers have, what their links are called, the steps that make a server's network, and what of
 * it all servers have in common. What runs and what its plan was is told by the server room.
 */
export {
  type AddressContext,
  type Claim,
  type Claimant,
  claimAddresses,
  previewAddresses,
  releaseAddresses,
} from './addresses.ts'
export type {Grant} from './assign.ts'
export {changeSteps, reversed} from './changes.ts'
export {type ForeignDrop, foreignDrops} from './check/foreign.ts'
export {
  type Missing,
  missingSteps,
  raiseLink,
  readHostLinks,
  removeLink,
  strayLinks,
  vlanOf,
} from './check/links.ts'
export {compareTables, presentTable, wantedTable} from './check/ruleset.ts'
export {
  type CommonContext,
  expectedRules,
  isCommonMade,
  loadRules,
  lockCommon,
  makeCommon,
  type RulesOfRunning,
  readOpened,
  removeCommon,
} from './common.ts'
export {isForwarding} from './forwarding.ts'
export {gatewaysIn} from './gateway.ts'
export {guestFiles} from './guest-files.ts'
export {type Held, type Holding, listHeld, listHoldings, renameHoldings} from './holdings.ts'
export {linkFacts} from './host-links.ts'
export {hostInterface, interfacePrefix, type ServerIdentity, tableName} from './identity.ts'
export {NAMES6} from './names/address.ts'
export {type Named, namedServer} from './names/hosts-file.ts'
export {
  checkNames,
  type NamesContext,
  type NamesProblem,
  registerNames,
  releaseNames,
} from './names/names.ts'
export {namesPort, takeNamesPort} from './names/port.ts'
export {type NameServersOf, nameServers} from './names/servers.ts'
export {previewProject, projectNumber} from './projects.ts'
export {speaksOfBridges} from './rules/bridge.ts'
export {firewallCounts, type RuleCount} from './rules/counts.ts'
export {hostListeners, listenerAt, portText, processOf} from './rules/listeners.ts'
export {publishedPort} from './rules/publish.ts'
export {isNetworkStep, type NetworkStep} from './step.ts'
export {gatewayOf, hostInterfaces, type NetworkInput, networkRules, networkSteps} from './steps.ts'
export {
  type Amount,
  type ClassTraffic,
  emptiedTraffic,
  type Packets,
  parseTraffic,
  parseTrafficMonth,
  type TrafficAccount,
  type TrafficByClass,
} from './traffic/account.ts'
export {removesCounters} from './traffic/steps.ts'
export {setPortVlan, type VlanFiltering, vlanFiltering} from './vlans.ts'
