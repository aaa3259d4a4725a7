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
export {
  type CommonContext,
  isCommonMade,
  loadRules,
  lockCommon,
  makeCommon,
  type RulesOfRunning,
  removeCommon,
} from './common.ts'
export {type Holding, listHoldings, renameHoldings} from './holdings.ts'
export {linkFacts} from './host-links.ts'
export {hostInterface, type ServerIdentity} from './identity.ts'
export {previewProject, projectNumber} from './projects.ts'
export {isNetworkStep, type NetworkStep} from './step.ts'
export {hostInterfaces, type NetworkInput, networkRules, networkSteps} from './steps.ts'
