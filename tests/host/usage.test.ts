/* Accounts of real servers on this kernel, whatever controllers it has: CPU time is always counted. */
import {execFileSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import type {ServerMonth, ServerUsage, TopReport} from '../../src/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'
import {Terminal} from '../helpers/terminal.ts'

let host: ScratchHost
let workshop: Workshop

beforeAll(async () => {
  host = await scratchHost()
  workshop = new Workshop()
  await createServers(host, {web1: {tags: ['web']}, web2: {template: 'busybox'}})
})
afterAll(async () => {
  workshop[Symbol.dispose]()
  await host[Symbol.asyncDispose]()
})

const BURN = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'

async function usageOf(name: string): Promise<ServerUsage> {
  const [found] = await host.json<ServerUsage[]>(['usage', name])
  if (found === undefined) throw new Error(`no usage of ${name}`)
  return found
}

async function cpuOf(name: string): Promise<number> {
  return (await usageOf(name)).resources.cpu?.held ?? 0
}

/** What its cgroup counts now. */
function cpuNow(name: string): number {
  const text = readFileSync(join(host.cgroup(name), 'payload', 'cpu.stat'), 'utf8')
  return Number(/usage_usec (\d+)/.exec(text)?.[1])
}

describe.skipIf(requires('root').skip)('usage', () => {
  test('a server that never ran has used nothing', async () => {
    expect(await usageOf('web1')).toMatchObject({state: 'stopped', since: null, counts: {}})
    expect(await host.must(['usage', 'web1'])).toBe('web1  stopped  nothing counted yet')
  })

  test('CPU time is that of the cgroup, and adds up over restarts', async () => {
    await host.must(['start', 'web1'])
    await host.inside('web1', BURN)
    const before = cpuNow('web1')
    const first = await cpuOf('web1')
    expect(first).toBeGreaterThanOrEqual(before)
    expect(first).toBeLessThanOrEqual(cpuNow('web1'))
    await host.must(['restart', 'web1'])
    const second = await cpuOf('web1')
    expect(second).toBeGreaterThan(first)
    expect(cpuNow('web1')).toBeLessThan(first)
    await host.must(['stop', 'web1'])
    const stopped = await usageOf('web1')
    expect(stopped.resources.cpu?.held).toBeGreaterThanOrEqual(second)
    expect(stopped.pressure).toBeNull()
    await host.must(['rename', 'web1', 'web9'])
    expect((await usageOf('web9')).counts).toEqual(stopped.counts)
    await host.must(['rename', 'web9', 'web1'])
  })

  test('a supervisor that does not answer keeps nobody waiting for long; its last accounts are shown', async () => {
    await host.must(['start', 'web1', 'web2'])
    const saved = (await usageOf('web1')).saved
    const supervisor = stateNumber(host, 'web1', 'supervisor')
    process.kill(supervisor, 'SIGSTOP')
    try {
      const {exitCode, stdout, stderr} = await host.vps(['usage', '--json'])
      expect(exitCode).toBe(0)
      expect(stderr).toBe(
        'vps: the supervisor of web1 did not save its accounts; what it wrote last is shown',
      )
      const [web1, web2] = JSON.parse(String(stdout)) as ServerUsage[]
      expect(web1).toMatchObject({state: 'running', saved})
      expect(web2?.counts.cpu_usec).toBeGreaterThan(0)
    } finally {
      process.kill(supervisor, 'SIGCONT')
    }
  })

  test('reset: of running servers and of stopped ones; months stay', async () => {
    await host.vps(['start', 'web1', 'web2'])
    await host.inside('web1', BURN)
    await host.must(['stop', 'web2'])
    const before = await cpuOf('web1')
    const month = await host.json<ServerMonth[]>(['usage', '--month', 'now', 'web1'])
    const said = await host.must(['usage', '--reset', 'web1', 'web2'])
    expect(said.split('\n').sort()).toEqual([
      'web1: counts and peaks begin anew',
      'web2: counts and peaks begin anew',
    ])
    expect(await cpuOf('web1')).toBeLessThan(before / 2)
    expect(await cpuOf('web2')).toBe(0)
    const later = await host.json<ServerMonth[]>(['usage', '--month', 'now', 'web1'])
    expect(later[0]?.cpuSeconds).toBeGreaterThanOrEqual(month[0]?.cpuSeconds ?? 1)
    await host.must(['restart', 'web1'])
    expect(await cpuOf('web1')).toBeLessThan(before) // what was before the reset does not come back
    expect((await host.vps(['usage', '--reset'])).exitCode).toBe(2)
  })

  test('months outlive their server', async () => {
    await createServers(host, {shortlived: {}})
    await host.must(['start', 'shortlived'])
    await host.inside('shortlived', BURN)
    await host.must(['destroy', 'shortlived', '--force', '--yes'])
    const [gone] = await host.json<ServerMonth[]>(['usage', '--month', 'now', 'shortlived'])
    expect(gone).toMatchObject({name: 'shortlived', destroyed: true})
    expect(gone?.cpuSeconds).toBeGreaterThan(0.01)
    expect(await host.must(['usage', '--month', 'now'])).toMatch(/^shortlived .* destroyed$/m)
    expect(readdirSync(join(host.paths.var, 'months'))).toEqual([`shortlived-${gone?.uuid}`])
    expect((await host.vps(['usage', 'shortlived'])).exitCode).toBe(3)
    rmSync(join(host.paths.var, 'months'), {recursive: true})
  })

  test('--watch without a terminal: one after the other, until Ctrl-C', async () => {
    const watching = execa(vpsProgram, ['usage', 'web1', '--watch', '--interval', '100ms', '--json'], {
      env: {VPS_ROOT: host.root},
    })
    let lines = 0
    watching.stdout.on('data', chunk => {
      lines += String(chunk).split('\n').length - 1
      if (lines >= 3) watching.kill('SIGINT')
    })
    const {stdout} = await watching
    for (const line of stdout.split('\n'))
      expect(JSON.parse(line)).toMatchObject([{name: 'web1', state: 'running'}])
  })
})

describe.skipIf(requires('root').skip)('top', () => {
  beforeAll(async () => {
    await host.vps(['start', '--all'])
  })

  test('a processor kept busy is about 100%', async () => {
    const busy = execa(vpsProgram, ['exec', 'web1', '--', 'sh', '-c', 'while :; do :; done'], {
      env: {VPS_ROOT: host.root},
      reject: false,
    })
    try {
      const text = await host.must(['top', '--json', '--iterations', '3', '--interval', '500ms'])
      const reports = text.split('\n').map(line => JSON.parse(line) as TopReport)
      expect(reports).toHaveLength(3)
      const last = reports[2]?.servers ?? []
      expect(last.map(({name}) => name)).toEqual(['web1', 'web2'])
      expect(last[0]?.cpuPercent).toBeGreaterThan(20)
      expect(last[0]?.cpuPercent).toBeLessThan(150)
      expect(last[1]?.cpuPercent).toBeLessThan(20)
      expect(last[0]?.pressure?.cpu).toBeGreaterThanOrEqual(0)
    } finally {
      busy.kill('SIGTERM')
      await busy
    }
  })

  test('plain tables without a terminal, of the servers named', async () => {
    const text = await host.must(['top', 'web2', '--iterations', '2', '--interval', '100ms'])
    expect(text.match(/^NAME /gm)).toHaveLength(2)
    expect(text).toMatch(/^web2 /m)
    expect(text).not.toMatch(/^web1 /m)
    expect(text).not.toContain('\u001b')
    expect((await host.vps(['top', 'nosuch'])).exitCode).toBe(3)
    expect((await host.vps(['top', '--sort', 'size'])).exitCode).toBe(2)
  })

  test('ends quietly when nobody reads on', async () => {
    const {stderr} = await execa('/bin/sh', ['-c', `"${vpsProgram}" top --interval 100ms | head -n 2`], {
      env: {VPS_ROOT: host.root},
      timeout: 20_000,
    })
    expect(stderr).toBe('')
  })
})

/** The alternate screen, begun and left. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a control sequence begins with one
const ENTERED = /\u001b\[\?1049h/
const LEFT = '\u001b[?25h\u001b[?1049l'

describe.skipIf(requires('root').skip)('on a terminal', () => {
  function terminal(...argv: string[]): Terminal {
    return new Terminal(workshop, [vpsProgram, ...argv], {columns: 132, env: {VPS_ROOT: host.root}})
  }

  /** The vps that runs on it. */
  function vpsPid({pid}: Terminal): number {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
  }

  async function restored(screen: Terminal, code: number): Promise<void> {
    expect(await screen.ended).toBe(code)
    expect(screen.screen).toContain(LEFT)
    expect(screen.note).toBe('modes same\n')
  }

  test('keys sort, q ends, and the terminal is as before', async () => {
    await using screen = terminal('top', '--interval', '30s')
    await screen.sees(ENTERED)
    await screen.sees(/2 running, by cpu/)
    screen.type('m')
    await screen.sees(/by memory/)
    screen.type('n')
    await screen.sees(/by name[\s\S]*web1[\s\S]*web2/)
    screen.type('q')
    await restored(screen, 0)
    expect(screen.screen.endsWith(LEFT)).toBe(true)
  })

  test('a new size of the window is a new page', async () => {
    await using screen = terminal('top', '--interval', '30s')
    await screen.sees(/by cpu/)
    screen.resize()
    await screen.sees(/by cpu/)
    screen.type('\u0003')
    await restored(screen, 0)
  })

  test('stopped and continued, it takes the screen again', async () => {
    await using screen = terminal('top', '--interval', '30s')
    await screen.sees(/by cpu/)
    const pid = vpsPid(screen)
    process.kill(pid, 'SIGSTOP')
    process.kill(pid, 'SIGCONT')
    await screen.sees(ENTERED)
    await screen.sees(/by cpu/)
    screen.type('q')
    await restored(screen, 0)
  })

  test.each([
    ['SIGINT', 0],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends it: %i', async (signal, code) => {
    await using screen = terminal('top', '--interval', '30s')
    await screen.sees(/by cpu/)
    process.kill(vpsPid(screen), signal)
    await restored(screen, code)
  })

  test('an error is shown on the ordinary screen', async () => {
    await using screen = terminal('top', '--interval', '100ms')
    await screen.sees(/by cpu/)
    const {runServers} = host.paths
    renameSync(runServers, `${runServers}.away`)
    writeFileSync(runServers, '')
    try {
      await screen.sees(/not a directory/)
      await restored(screen, 1)
      expect(screen.screen.indexOf(LEFT)).toBeLessThan(screen.screen.indexOf('vps:'))
    } finally {
      rmSync(runServers)
      renameSync(`${runServers}.away`, runServers)
    }
  })

  test('usage --watch', async () => {
    await using screen = terminal('usage', 'web1', '--watch', '--interval', '100ms')
    await screen.sees(/web1[\s\S]*RESOURCE/)
    await screen.sees(/web1[\s\S]*RESOURCE/) // again
    screen.type('q')
    await restored(screen, 0)
  })
})

test.skipIf(requires('root').skip)('list shows pressure on demand', async () => {
  expect(existsSync('/proc/pressure/cpu')).toBe(true)
  expect(await host.must(['list'])).not.toContain('PRESSURE')
  expect(await host.must(['list', '--pressure'])).toMatch(/PRESSURE CPU[\s\S]*web1 .*\d%/)
  const [web1] = await host.json<{pressure: {cpu: number} | null}[]>(['list', 'web1'])
  expect(web1?.pressure?.cpu).toBeGreaterThanOrEqual(0)
  execFileSync(vpsProgram, ['stop', 'web1'], {env: {...process.env, VPS_ROOT: host.root}})
  expect(await host.json(['list', 'web1'])).toMatchObject([{pressure: null}])
  expect(existsSync(serverPaths(host.paths, 'web1').run)).toBe(false)
})
