import {existsSync} from 'node:fs'
import {dirname} from 'node:path'
import {loadDefinition, requireValid} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {IDS_PER_SERVER, reservedTrees, serverPaths} from '../host/index.ts'
import {showImage} from '../image/index.ts'
import {compile, type LaunchPlan} from '../launch/index.ts'
import {nativeFile} from '../native/index.ts'
import {cgroupPlace} from '../resources/index.ts'
import {seccompFilter} from '../security/index.ts'
import {readRecord, type ServerRecord} from './record.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/** The supervisor waits for a byte from its starter, who asks systemd for a scope meanwhile. */
export const AWAIT_SCOPE = 'await-scope'

/** The plan that a start of `name` would run. Changes nothing; a server that is not created yet has none. */
export async function planStart(context: Context, name: string): Promise<LaunchPlan> {
  const {paths, config, progress} = context
  const files = serverPaths(paths, name)
  const loaded = await loadDefinition(files.definition, {name, reserved: reservedTrees(paths)})
  const definition = requireValid(loaded)
  const record = requireRecord(context, name)
  const image = await showImage(record.image, {paths})
  if (image.template !== definition.template.name)
    progress(
      `server ${name} keeps its image ${image.id}; template ${definition.template.name} is for a server created anew`,
    )
  const place = await cgroupPlace(paths)
  const plan = compile({
    loaded,
    image,
    seccomp: await seccompFilter(paths, definition.security),
    vpsInit: nativeFile('vps-init'),
    server: {
      name,
      uuid: record.uuid,
      idBase: config.ids.first + record.slot * IDS_PER_SERVER,
      layer: dirname(files.upper),
      storageDir: files.storage,
      runDir: files.run,
      cgroup: place.directory(name),
      cgroupRoot: place.mount,
    },
  })
  return place.systemd ? {...plan, settings: {...plan.settings, [AWAIT_SCOPE]: '1'}} : plan
}

function requireRecord({paths}: Context, name: string): ServerRecord {
  const record = readRecord(paths, name)
  if (record !== undefined) return record
  const {record: file, storage, definition} = serverPaths(paths, name)
  if (existsSync(storage)) throw new VpsError('BROKEN_SERVER', `${file} is missing or damaged`)
  throw wrongState(
    `server ${name} is not created yet`,
    `create it from ${definition} with \`vps create ${name}\``,
  )
}
