import type {HostPaths, Progress} from '../../host/index.ts'
import {isNetworkStep} from '../../network/index.ts'
import {runNetwork} from './native.ts'
import {storedPlan} from './stored-plans.ts'

/**
 * Removes from the host's network what the plan of `name` had made, by the plan in its run directory: a supervisor that ends by
 * itself does that, and removes the directory.
 */
export async function undoNetwork(paths: HostPaths, name: string, notice: Progress): Promise<void> {
  const plan = storedPlan(paths, name)
  if (plan === undefined || !plan.steps.some(isNetworkStep)) return
  const steps = plan.steps.filter(isNetworkStep)
  const fault = await runNetwork('network-undo', {settings: plan.settings, steps})
  if (fault !== undefined) notice(`not all of server ${name}'s network could be removed: ${fault.message}`)
}
