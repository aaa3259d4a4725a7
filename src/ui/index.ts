/*
 * The ui room: how a command takes its words and how it answers: the base class of all commands, tables, progress, colour,
 * errors, JSON, help and shell completion. Imported by commands and by bin/main.ts only.
 */
export {forbidColor, type Paint, paintFor, plain, type Style} from './color.ts'
export {VpsCommand} from './command.ts'
export {type ErrorJson, errorJson, exitCodeOf, renderError} from './errors.ts'
export {commandExitCodes, exitCodes} from './exit-codes.ts'
export {commandGroups, exampleParts, flagLabel, flagText, helpPage, ownFlags, usageLines} from './help.ts'
export {type CommandInfo, type FlagInfo, type Manifest, readManifest, spokenName} from './manifest.ts'
export {editDistance, nearest} from './nearest.ts'
export {toJson, write} from './output.ts'
