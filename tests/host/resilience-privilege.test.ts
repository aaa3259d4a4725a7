import {chmodSync, globSync} from 'node:fs'
import {execa, type Result} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {inconsistencies, standingOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'

/* Whoever may not run servers is told what is missing, before anything is made. */

let host: ScratchHost

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups']

/** vps with less than root's privilege, as setpriv(1) takes it away. */
async function as(less: readonly string[], ...words: string[]): Promise<Result> {
  return (await execa('setpriv', [...less, '--', vpsProgram, ...words], {
    env: {VPS_ROOT: host.root, NO_COLOR: '1'},
    stdin: 'ignore',
    reject: false,
  })) as Result
}

/** Everything there is of this host. */
const inventory = (): string[] =>
  globSync('{etc,run,var/lib/vps/{servers,ids,cache}}/**', {cwd: host.root}).sort()

describe('without privilege', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    chmodSync(host.root, 0o755)
    await host.must(['create', 'one', '--set', 'init=persist', '--start'])
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  const verbs = [
    ['create', 'two', '--template', 'host'],
    ['start', 'one'],
    ['stop', 'one'],
    ['restart', 'one'],
    ['pause', 'one'],
    ['set', 'one', 'description=x'],
    ['rename', 'one', 'two'],
    ['destroy', 'one', '--force', '--yes'],
    ['image', 'build', 'busybox'],
  ]

  test.for(verbs)('another user is told that vps %s needs root', async words => {
    const before = inventory()
    const {exitCode, stderr} = await as(NOBODY, ...words)
    expect({exitCode, stderr}).toEqual({exitCode: 5, stderr: expect.stringMatching(/needs root/)})
    expect(inventory()).toEqual(before)
    expect(inconsistencies(host, ['one'])).toEqual([])
    expect(standingOf(host, 'one')).toBe('running')
  })

  test.for([
    ['exec', 'one', '--', 'true'],
    ['enter', 'one'],
    ['run', '--', 'true'],
  ])('another user is told that vps %s needs root, with 125', async words => {
    const {exitCode, stderr} = await as(NOBODY, ...words)
    expect({exitCode, stderr}).toEqual({exitCode: 125, stderr: expect.stringMatching(/needs root/)})
    expect(inconsistencies(host, ['one'])).toEqual([])
  })

  test.for([['version'], ['schema'], ['help'], ['template', 'list'], ['validate', '/dev/null']])(
    'vps %s is for everybody',
    async words => {
      const {exitCode, stderr} = await as(NOBODY, ...words)
      expect(exitCode, String(stderr)).toBeOneOf(words[0] === 'validate' ? [0, 2] : [0])
    },
  )

  test('doctor says it, too', async () => {
    const {stdout} = await as(NOBODY, 'doctor', '--json')
    const checks = JSON.parse(String(stdout)) as {id: string; state: string; found: string}[]
    expect(checks.find(({id}) => id === 'privilege')).toMatchObject({
      state: 'missing',
      found: expect.stringContaining('needs root'),
    })
  })

  test.for(['sys_admin', 'chown', 'dac_override', 'fowner', 'kill', 'setuid', 'setgid', 'setpcap'])(
    'a root without CAP_%s is told which capability is missing',
    async capability => {
      const before = inventory()
      for (const words of [
        ['create', 'two'],
        ['start', 'one'],
        ['destroy', 'one', '--force', '--yes'],
      ]) {
        const {exitCode, stderr} = await as([`--bounding-set=-${capability}`], ...words)
        expect({exitCode, stderr}).toEqual({
          exitCode: 5,
          stderr: expect.stringContaining(`CAP_${capability.toUpperCase()}`),
        })
      }
      expect(inventory()).toEqual(before)
      expect(inconsistencies(host, ['one'])).toEqual([])
    },
  )
})
