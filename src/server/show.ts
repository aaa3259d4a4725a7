import {parseDefinition} from '../definition/index.ts'
import {IDS_PER_SERVER, serverPaths} from '../host/index.ts'
import {noSuchServer} from './known.ts'
import {list} from './list.ts'
import {parseOptions} from './parse-options.ts'
import {pendingChanges} from './pending.ts'
import {readRecord} from './record.ts'
import {readRun, readText} from './run-state.ts'
import type {Context, ServerDetails} from './types.ts'
import {readUnenforced} from './unenforced.ts'
import {isoTime} from './view.ts'

/** All that is known about the server `name`. */
export async function show({paths, config}: Context, name: string): Promise<ServerDetails> {
  const [view] = await list(paths, {names: [name], pressure: true})
  if (view === undefined) throw noSuchServer(name)
  const files = serverPaths(paths, name)
  const record = readRecord(paths, name)
  const run = readRun(paths, name)
  const text = readText(files.definition)
  const loaded =
    text === undefined
      ? undefined
      : parseDefinition(text, {file: files.definition, name, ...parseOptions(paths)})
  const valid = loaded?.problems.every(problem => problem.grade !== 'error') === true
  const [, gaveUpAfter, exitTime = '0'] =
    /(?: gave-up (\d+))? (\d{6,})$/.exec(readText(files.exit)?.trim() ?? '') ?? []
  const exitSeconds = Number(exitTime)
  const alive = run.kind === 'alive' ? run.state : undefined
  const slotFirst = record === undefined ? 0 : config.ids.first + record.slot * IDS_PER_SERVER
  return {
    ...view,
    uuid: record?.uuid ?? null,
    created: record?.created ?? null,
    definition: valid ? (loaded?.definition ?? null) : null,
    problems: loaded?.problems ?? [],
    unenforcedLimits: run.kind === 'alive' ? readUnenforced(paths, name) : [],
    pending:
      run.kind === 'alive' && loaded !== undefined && valid
        ? await pendingChanges({paths}, name, run.state, loaded)
        : null,
    ids:
      record === undefined
        ? null
        : {first: run.kind === 'alive' ? run.state.idBase : slotFirst, count: IDS_PER_SERVER},
    supervisor: run.kind === 'alive' ? run.state.supervisor : null,
    cgroup: run.kind === 'alive' ? run.state.cgroup : null,
    lastExitAt: exitSeconds > 0 ? isoTime(exitSeconds) : null,
    gaveUpAfter: gaveUpAfter === undefined ? null : Number(gaveUpAfter),
    healthSince: alive && alive.healthSince > 0 ? isoTime(alive.healthSince) : null,
    healthReason: alive?.healthReason ? alive.healthReason : null,
    files: {
      definition: files.definition,
      storage: files.storage,
      upper: files.upper,
      log: files.console,
      run: files.run,
    },
  }
}
