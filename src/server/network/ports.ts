/*
 * Ports that somebody else has: a program of the host, or another server.
 */
import type {Loaded} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import type {HostPaths} from '../../host/index.ts'
import {type LaunchStep, originText} from '../../launch/index.ts'
import {hostListeners, listenerAt, portText, processOf, publishedPort} from '../../network/index.ts'
import {listDirectory} from '../journal.ts'
import type {Context} from '../types.ts'
import {storedPlan} from './stored-plans.ts'

/**
 * Looks whether programs of the host listen at what `loaded` publishes.
 * @throws VpsError PORT_TAKEN (exit 4) naming the program
 */
export async function refusePortsOfHost(
  {config}: Pick<Context, 'config'>,
  name: string,
  loaded: Loaded,
): Promise<void> {
  const {mode, publish} = loaded.definition.network
  if (mode !== 'links' || publish.length === 0) return
  const listeners = hostListeners()
  for (const [index, one] of publish.entries()) {
    const listener = listenerAt(one, listeners, [config.network.gateway.ipv4])
    if (listener === undefined) continue
    const owner = (await processOf(listener)) ?? 'a program of the host'
    const place = originText(loaded.origin(['network', 'publish', index]))
    throw new VpsError(
      'PORT_TAKEN',
      `server ${name} cannot publish ${place}: ${owner} listens at ${portText(listener)}`,
      {
        suggestions: ['publish another port, or one address of the host', 'or stop that program'],
        exitCode: ExitCode.wrongState,
      },
    )
  }
}

/** The error of a step that the kernel refused because another server publishes that port; `undefined` for other steps. */
export function portError(paths: HostPaths, name: string, step: LaunchStep): VpsError | undefined {
  const port = publishedPort(step)
  if (port === undefined) return undefined
  const owner = listDirectory(paths.runServers)
    .filter(other => other !== name)
    .find(other => storedPlan(paths, other)?.steps.some(held => publishedPort(held) === port))
  const place = originText(step.origin)
  const by = owner === undefined ? 'something else' : `server ${owner}`
  return new VpsError('PORT_TAKEN', `server ${name} cannot publish ${place}: ${port} is ${by}'s`, {
    suggestions: ['publish another port, or another address of the host'],
    exitCode: ExitCode.wrongState,
  })
}
