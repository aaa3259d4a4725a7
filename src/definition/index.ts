/*
 * The YAML language of servers: its schema, reading it with every problem at its line and column, changing it with
 * comments kept, and its documentation. Owns what may stand in a definition; knows nothing of how a server is run.
 */

export {
  type BitsPerSecond,
  type Bytes,
  type Duration,
  formatBytes,
  formatCpus,
  formatDuration,
  formatRate,
  parseBytes,
  parseCpus,
  parseDuration,
  parseRate,
  writeBytes,
} from '../units.ts'
export {ALLOW, type AllowName} from './allow.ts'
export {type Assignment, parseAssignments} from './assignment.ts'
export {CAPABILITIES, type CapabilityName, capabilityNumber} from './capabilities.ts'
/* For rooms with a language of their own that definitions are a part of. */
export {PROFILE_PATTERN, profileNameCheck} from './checks.ts'
export {formatCpuList, MAX_CPUS, parseCpuList} from './cpu-list.ts'
export {
  Filled,
  isThere,
  type Language,
  originAt,
  originOf,
  originOfValue,
  type Place,
  type Provenance,
  parseSource,
  placeOf,
  provenanceAt,
  rootOf,
  type Source,
} from './document.ts'
export {editDefinition} from './edit.ts'
export {
  type EffectiveValue,
  effectiveText,
  effectiveValues,
  limitValues,
  writtenValue,
} from './effective.ts'
export type {Match, Protocol, Rule} from './firewall.ts'
export {readHealthPort, readHealthUrl} from './health-address.ts'
export {jsonSchema, jsonSchemaWithVariables} from './json-schema.ts'
export {changedKeys, definitionKeys, type KeyInfo, keyInfo, keySteps} from './keys.ts'
export type {Change, RlimitUnit, RlimitValue} from './kinds.ts'
export {choice, type Kind, key, list, type Section, section, table, text} from './kinds.ts'
export {Commons, type Layer, mergeLayers, type Values} from './layers.ts'
export {NAME_PATTERN, nameComplaint, serverName} from './names.ts'
export {DEFAULT_MODE} from './network-keys.ts'
export {
  compose,
  InvalidDefinition,
  type Loaded,
  loadDefinition,
  type ParseOptions,
  parseDefinition,
  requireValid,
  sourceAt,
  stillMissing,
} from './parse.ts'
export {formatPorts, type PortRange, parsePortList} from './ports.ts'
export {type Grade, keyText, type Origin, type Path, type Problem, renderProblems} from './problems.ts'
export {type CheckedProfile, checkProfile} from './profile-check.ts'
export {profileFile} from './profile-file.ts'
export {
  type ProfileLookup,
  type ProfileText,
  profileNames,
  profilesIn,
  readProfileText,
  unknownProfile,
} from './profiles.ts'
export {GENERATE, isHash, SECRET, sshKeyCheck} from './provision-checks.ts'
export {type Publish, writePublish} from './publish.ts'
export {MAX_PROBLEMS, type Missing, Reader} from './read.ts'
export {referencePage} from './reference.ts'
export {RLIMITS, type RlimitName} from './rlimits.ts'
export type {
  Definition,
  Firewall,
  Link,
  Mount,
  MountOption,
  Network,
  Provision,
  Rates,
  Resources,
  RestartPolicy,
} from './schema.ts'
export {definitionSchema, profileSchema} from './schema.ts'
export {signalNumber} from './signals.ts'
export {storedDefinition} from './stored.ts'
export {sysctlPath} from './sysctls.ts'
export {count, printable, quote} from './words.ts'
export {DefinitionWriter} from './write.ts'
