/*
 * What all servers of a host have in common: the table with its rules, the gateway's address, forwarding. It is made when the first
 * server with links starts after a boot, and made again when something of it is found to be missing.
 */
import {createHash} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {
  errno,
  type HostConfig,
  type HostPaths,
  type Lock,
  lockFile,
  makeDirectory,
  type Progress,
  writeFileAtomic,
} from '../host/index.ts'
import {closeForwarding, isForwarding, openForwarding} from './forwarding.ts'
import {interfacePrefix, tableName} from './identity.ts'
import {forgetNamesPorts} from './names/port.ts'
import {elementOf} from './nft/element.ts'
import {nft} from './nft/run.ts'
import {speaksOfBridges} from './rules/bridge.ts'
import {setText} from './rules/sets.ts'
import {type Opened, skeletonText} from './rules/skeleton.ts'
import type {NetworkStep} from './step.ts'

export interface CommonContext {
  readonly paths: HostPaths
  readonly config: HostConfig
  readonly progress?: Progress
}

/** run/vps/network/common: what was made, JSON. */
interface Made {
  /** Of the rules: another vps, or another host.yaml, makes others. */
  readonly rules: string
  readonly opened: Opened
}

/** What servers have in the rules: the steps of all their plans, and their commands for nft (`ServerPaths.rules`). */
export interface RulesOfRunning {
  readonly steps: readonly NetworkStep[]
  readonly rules: string
}

export async function lockCommon(
  paths: Pick<HostPaths, 'locks'>,
  verb: string,
  progress?: Progress,
): Promise<Lock> {
  // No server can have this name.
  return await lockFile(join(paths.locks, '.network.lock'), {verb, progress, what: "the host's network"})
}

/** Whether all was made, as far as a few files tell. Rules that somebody else has removed since are not seen. */
export function isCommonMade(context: CommonContext): boolean {
  return readMade(context.paths)?.rules === rulesKey(context) && isForwarding()
}

/**
 * Makes it, under `lockCommon`: loads the rules anew, in one transaction with the elements of the servers that are running or about to.
 * @param running what these have in it
 */
export async function makeCommon(context: CommonContext, running: () => RulesOfRunning): Promise<void> {
  const {paths} = context
  const prefix = interfacePrefix(paths)
  const opened = openForwarding(name => name.startsWith(prefix), readMade(paths)?.opened)
  await writeMade(paths, {rules: '', opened}) // cut off here, it is known what to close
  await loadAll(commonText(context, opened, running()))
  await writeMade(paths, {rules: rulesKey(context), opened})
}

/** Makes what a server that is about to start has in the rules of its own. Without the table it gets one, that lacks all else. */
export async function loadRules({paths}: Pick<CommonContext, 'paths'>, rules: string): Promise<void> {
  await loadAll(`add table inet ${tableName(paths)}\n${rules}`)
}

/** @throws VpsError HOST_CANNOT (exit 5) where servers are ports of bridges and this kernel has no rules for these */
async function loadAll(text: string): Promise<void> {
  try {
    await nft(['-f', '-'], text)
  } catch (error) {
    if (!speaksOfBridges(text) || (await hasBridgeRules())) throw error
    throw new VpsError(
      'HOST_CANNOT',
      'this kernel has no nftables for bridges: nobody would check what a server sends',
      {
        cause: error,
        suggestions: [
          'load nf_tables with CONFIG_NF_TABLES_BRIDGE and nft_meta_bridge, or give the server a routed link',
        ],
        exitCode: ExitCode.hostCannot,
      },
    )
  }
}

async function hasBridgeRules(): Promise<boolean> {
  return await nft(['--check', '-f', '-'], 'add table bridge vps-check\n').then(
    () => true,
    () => false,
  )
}

/** The last server is gone: nothing of vps stays in the host's network. Under `lockCommon`. False when nothing was made. */
export async function removeCommon({paths}: Pick<CommonContext, 'paths'>): Promise<boolean> {
  const made = readMade(paths)
  if (made === undefined) return false
  await nft(['-f', '-'], removalText('inet', tableName(paths)))
  if (await hasBridgeRules()) await nft(['-f', '-'], removalText('bridge', tableName(paths)))
  closeForwarding(made.opened)
  await forgetNamesPorts(paths)
  await rm(madeFile(paths), {force: true})
  return true
}

/** What the table is to hold: as `makeCommon` loads it. */
export function expectedRules(context: CommonContext, running: RulesOfRunning): string {
  return commonText(context, readOpened(context.paths) ?? {ipv4: [], ipv6: []}, running)
}

export function readOpened(paths: Pick<HostPaths, 'runNetwork'>): Opened | undefined {
  return readMade(paths)?.opened
}

/** Removes the table whether it is there or not. */
function removalText(family: 'inet' | 'bridge', table: string): string {
  return `table ${family} ${table} {}\ndelete table ${family} ${table}\n`
}

function commonText({paths, config}: CommonContext, opened: Opened, {steps, rules}: RulesOfRunning): string {
  const table = tableName(paths)
  const skeleton = skeletonText({table, config: config.network, opened})
  const bridges = speaksOfBridges(rules) ? removalText('bridge', table) : ''
  return `${removalText('inet', table)}${bridges}${skeleton}${rules}${keptSets(table, steps)}${elementsText(table, steps)}`
}

/** Sets of classes of traffic that there are no more, but when servers began to run: they put their elements in at each boot. */
function keptSets(table: string, steps: readonly NetworkStep[]): string {
  const shapes = new Map(steps.flatMap(step => elementOf(step)?.set ?? []).map(set => [set.name, set]))
  return [...shapes.values()]
    .filter(({counter}) => counter)
    .map(set => `table inet ${table} {\n  ${setText(set)}\n}\n`)
    .join('')
}

/** One command a set, as nft looks up the set for each. */
function elementsText(table: string, steps: readonly NetworkStep[]): string {
  const bySet = new Map<string, Set<string>>()
  for (const step of steps) {
    const element = elementOf(step)
    if (element === undefined) continue
    const set = `${element.set.family ?? 'inet'} ${table} ${element.set.name}`
    const texts = bySet.get(set) ?? new Set()
    bySet.set(set, texts.add(element.text))
  }
  return [...bySet].map(([set, texts]) => `add element ${set} { ${[...texts].join(', ')} }\n`).join('')
}

/** By the configuration that they are of: a program that starts hundreds of servers asks for each. */
const rulesKeys = new WeakMap<HostConfig, {readonly table: string; readonly key: string}>()

function rulesKey({paths, config}: CommonContext): string {
  const table = tableName(paths)
  const known = rulesKeys.get(config)
  if (known?.table === table) return known.key
  const text = skeletonText({table, config: config.network, opened: {ipv4: [], ipv6: []}})
  const key = createHash('sha256').update(text).digest('hex')
  rulesKeys.set(config, {table, key})
  return key
}

function madeFile({runNetwork}: Pick<HostPaths, 'runNetwork'>): string {
  return join(runNetwork, 'common')
}

function readMade(paths: Pick<HostPaths, 'runNetwork'>): Made | undefined {
  try {
    return JSON.parse(readFileSync(madeFile(paths), 'utf8')) as Made // our own file, written by rename
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeMade(paths: Pick<HostPaths, 'runNetwork'>, made: Made): Promise<void> {
  await makeDirectory(paths.runNetwork, 0o700)
  await writeFileAtomic(madeFile(paths), `${JSON.stringify(made)}\n`, {mode: 0o600, sync: false})
}
