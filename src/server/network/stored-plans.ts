import {type HostPaths, serverPaths} from '../../host/index.ts'
import type {LaunchPlan} from '../../launch/index.ts'
import {isNetworkStep, type NetworkStep, type RulesOfRunning} from '../../network/index.ts'
import {listDirectory} from '../journal.ts'
import {readText} from '../run-state.ts'

/** What a server that runs, or is about to, was started with; `undefined` for others. */
export function storedPlan(paths: HostPaths, name: string): LaunchPlan | undefined {
  const text = readText(serverPaths(paths, name).planJson)
  return text === undefined ? undefined : (JSON.parse(text) as LaunchPlan) // our own file, written by rename
}

/** What servers that run, or are about to, have in the rules of the host's network. */
export function storedRules(paths: HostPaths): RulesOfRunning {
  const rules = listDirectory(paths.runServers).map(name => readText(serverPaths(paths, name).rules) ?? '')
  return {steps: storedSteps(paths), rules: rules.join('')}
}

/** The steps of the networks of all servers that run, or are about to. */
export function storedSteps(paths: HostPaths): NetworkStep[] {
  return listDirectory(paths.runServers).flatMap(
    name => storedPlan(paths, name)?.steps.filter(isNetworkStep) ?? [],
  )
}
