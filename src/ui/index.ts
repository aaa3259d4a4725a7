/*
 * The ui room: how a command takes its words and how it answers: the base classes of all commands, tables, progress, colour,
 * errors, JSON, help and shell completion. Imported by commands and by bin/main.ts only.
 */
export {type AttachChild, becomeAttach, environmentOf, spawnAttach} from './attach.ts'
export {BulkCommand, type BulkFlags, type BulkRun, bulkFlags} from './bulk-command.ts'
export {type BulkOutput, bulkOutput, type CommandResult} from './bulk-output.ts'
export {capacityTable} from './capacity-table.ts'
export {type Change, changeText} from './change.ts'
export {forbidColor, type Paint, paintFor, plain, type Style} from './color.ts'
export {VpsCommand} from './command.ts'
export {type CompletionShell, completionScript} from './completion.ts'
export {type ErrorJson, errorJson, exitCodeOf, renderError} from './errors.ts'
export {eventLines, localTime} from './events.ts'
export {commandExitCodes, exitCodes} from './exit-codes.ts'
export {fitTable} from './fit-table.ts'
export {bytesFlag, countFlag, durationFlag, historyPoint, momentFlag, parameters} from './flags.ts'
export {fleetFlags, planOptions} from './fleet-flags.ts'
export {fleetPlanText, planSentence} from './fleet-plan.ts'
export {applyEventJson, applySummary, FleetProgress, outcomeText} from './fleet-progress.ts'
export {bound, bytes, duration, percent, since} from './format.ts'
export {commandGroups, exampleParts, flagLabel, flagText, helpPage, ownFlags, usageLines} from './help.ts'
export {changeLine, diffText, historyText} from './history.ts'
export {type Interruption, interruption} from './interruption.ts'
export {LiveBlock} from './live-block.ts'
export {main} from './main.ts'
export {type CommandInfo, type FlagInfo, type Manifest, readManifest, spokenName} from './manifest.ts'
export {exitCodeOfMany, forEachName, manyJson, type Outcome} from './many.ts'
export {nameList} from './name-list.ts'
export {notice} from './notice.ts'
export {toJson, write} from './output.ts'
export {type PagesOptions, showPages} from './pages.ts'
export {passwordLines} from './passwords.ts'
export {pendingEntries, pendingText, unenforcedEntries} from './pending.ts'
export {type PlaceWord, splitPlace} from './place.ts'
export {paintProblems, problemJson} from './problems.ts'
export {type ProgressLine, type ProgressStream, progressLine} from './progress.ts'
export {canAsk, confirm} from './prompt.ts'
export {type EachOptions, reportEach} from './report-each.ts'
export {
  isNarrowed,
  type Lister,
  type Selected,
  type SelectionFlags,
  ServersCommand,
} from './servers-command.ts'
export {paintState} from './state.ts'
export {type Column, fields, table} from './table.ts'
export {indent, wrap} from './text.ts'
export {timingsTable} from './timings.ts'
export {trafficMonthTable, trafficTable} from './traffic.ts'
export {beancounterTable, monthTable, refusalTable, usagePage} from './usage.ts'
export {verifyTable} from './verify-table.ts'
export {type FlagShape, splitWords} from './words.ts'
