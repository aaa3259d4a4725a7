/*
 * The dnsmasq of a project as a service of systemd: begun again whenever it ends, in nobody's session, and bounded.
 */
import {execFile} from 'node:child_process'
import {promisify} from 'node:util'
import {NAMES_MOUNT} from './dnsmasq.ts'
import type {Resolver} from './process.ts'

const run = promisify(execFile)

type Unit = Pick<Resolver, 'project' | 'paths'>

/** @returns what systemd says against it */
export async function startUnit(
  {project, paths, files}: Unit & Pick<Resolver, 'files'>,
  command: readonly string[],
): Promise<string | undefined> {
  const properties = [
    `Description=names of the servers of project ${project}`,
    `BindReadOnlyPaths=${files.hosts}:${NAMES_MOUNT}`,
    `StandardError=truncate:${files.problem}`,
    'Restart=always',
    'RestartSec=1',
    'StartLimitIntervalSec=0',
    'ProtectHome=yes',
    'PrivateTmp=yes',
    'NoNewPrivileges=yes',
    'CPUWeight=50',
    'MemoryMax=64M',
    'TasksMax=64',
  ]
  try {
    await run('systemd-run', [
      '--quiet',
      '--collect',
      `--unit=${unitName({project, paths})}`,
      ...properties.map(property => `--property=${property}`),
      ...command,
    ])
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** One that is not there is as good. */
export async function stopUnit(unit: Unit): Promise<void> {
  await run('systemctl', ['--quiet', 'stop', unitName(unit)]).catch(() => {})
}

/** `vps-names-default.service`, below a VPS_ROOT `vps-HASH-names-default.service` */
function unitName({project, paths}: Unit): string {
  return `${paths.cgroupName}-names-${project}.service`
}

function messageOf(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
  return said.split('\n')[0] ?? ''
}
