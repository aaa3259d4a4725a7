/*
 * Sense: what cannot be seen in one value alone. An ordered list of small checks with three grades: an error keeps the
 * server from being made, a warning says that something will not do what it looks like, a recommendation that there is
 * a better way. A new check is one function in the file of its subject and one line here.
 */
import * as firewall from './firewall.ts'
import * as health from './health.ts'
import * as life from './life.ts'
import * as mounts from './mounts.ts'
import * as network from './network.ts'
import * as provision from './provision.ts'
import * as publish from './publish.ts'
import * as resources from './resources.ts'
import type {Rule} from './rule.ts'
import * as security from './security.ts'

export const SENSE: readonly Rule[] = [
  life.nameIsThatOfTheFile,
  life.tagsOnce,
  life.hostnameIsNotLocalhost,
  life.environmentLeavesOursAlone,
  mounts.targetsAreFree,
  mounts.targetsOnce,
  mounts.targetsInOrder,
  mounts.targetsAreNoLinks,
  mounts.sourcesAreNotOurs,
  mounts.sourcesAreNoKernelTrees,
  mounts.sourcesAreNoControlSockets,
  mounts.sourcesAreNotTheHost,
  mounts.optionsOnce,
  security.capabilitiesEitherWay,
  security.capabilitiesOnce,
  security.allowOnce,
  security.allowHasItsCapability,
  security.hostNetworkHasNoMaster,
  resources.processorsOneWay,
  resources.cpuLimitFits,
  resources.dedicatedNeedsNoWeight,
  resources.memoryInOrder,
  resources.memoryInPages,
  resources.memoryLimitHasSwap,
  resources.memoryIsEnough,
  resources.oomGroupNeedsALimit,
  resources.pidsAreEnough,
  resources.devicesOnce,
  resources.devicesHaveALimit,
  resources.hugepagesAreWhole,
  resources.softBelowHard,
  resources.limitsAreWithinTheKernels,
  resources.limitsHaveAnEffect,
  resources.nprocIsWithinPids,
  resources.sysctlsOnce,
  resources.sysctlsAreOfItsOwnNetwork,
  network.modeHasItsKeys,
  network.linksAreThere,
  network.linkKeysFitTheMode,
  network.linkHasWhatItIsOn,
  network.linkNamesOnce,
  network.addressesFitTheMode,
  network.addressesOnce,
  network.gatewaysAreNear,
  network.nameServersAreFew,
  network.ratesAreWhole,
  network.unguardedLinks,
  publish.publishedOnce,
  publish.publishedHasAnAddress,
  firewall.rulesAreOfOneFamily,
  firewall.rulesAreReached,
  firewall.peersOnce,
  provision.usersOnce,
  provision.userIdsOnce,
  provision.groupsOnce,
  provision.filesHaveOneSource,
  provision.filesOnce,
  provision.filesAreSeen,
  provision.packagesOnce,
  provision.usersCanLogIn,
  provision.hashesAreKeptAside,
  life.restartLimitsNeedAPolicy,
  life.afterIsNotItself,
  life.delayNeedsAutostart,
  life.hooksAreProgramsOfTheHost,
  health.restartDelaysInOrder,
  health.healthIsCheckedOneWay,
  health.healthHasACheck,
  life.stopGivesTime,
  life.stopSignalCanBeHandled,
  life.stopDoesNotHoldUpTheHost,
  life.consoleKeepsThePast,
]
