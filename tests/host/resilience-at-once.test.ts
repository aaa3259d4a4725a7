import type {Result} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {settledInconsistencies, standingOf, stateOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {rounds, seededRandom} from '../helpers/random.ts'

/* Commands on one server at once: each finds it in some whole state, none in between. */

const SHELLS = 8
const COMMANDS_EACH = rounds(20)
const BYSTANDER = 'bystander'
const random = seededRandom('commands at once')

let host: ScratchHost

describe('commands on one server at once', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    await host.must(['create', BYSTANDER, '--set', 'init=persist', '--start'])
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  const same: [verb: string, words: string[], refusal: number, saying: RegExp][] = [
    ['create', ['create', 'one', '--set', 'init=persist'], 4, /server one exists already/],
    ['start', ['start', 'one'], 4, /server one is running already/],
    ['stop', ['stop', 'one'], 4, /server one is not running/],
    ['destroy', ['destroy', 'one', '--yes'], 3, /there is no server one/],
  ]
  test.for(same)(
    `of ${SHELLS} times %s one does it, the others are told`,
    async ([, words, refusal, saying]) => {
      const results = await Promise.all(Array.from({length: SHELLS}, () => host.vps(words)))
      const refused = results.filter(({exitCode}) => exitCode !== 0)
      expect(refused.map(({exitCode}) => exitCode)).toEqual(Array(SHELLS - 1).fill(refusal))
      for (const {stderr} of refused) expect(stderr).toMatch(saying)
      expect(await settledInconsistencies(host, ['one', BYSTANDER])).toEqual([])
    },
  )

  test('eight servers of one template, not built yet, are made by one build', async () => {
    await using fresh = await scratchHost(1)
    const names = Array.from({length: SHELLS}, (_, shell) => `web${shell}`)
    const results = await Promise.all(
      names.map(name => fresh.vps(['create', name, '--set', 'init=persist', '--start'])),
    )
    expect(results.map(({exitCode, stderr}) => `${exitCode}${stderr}`)).toEqual(Array(SHELLS).fill('0'))
    const images = await fresh.json<{template: string}[]>(['image', 'list'])
    expect(images.filter(({template}) => template === 'host')).toHaveLength(1)
    const ranges = new Set(names.map(name => stateOf(fresh, name)?.get('id_base')))
    expect(ranges.size).toBe(SHELLS)
    expect(await settledInconsistencies(fresh, names)).toEqual([])
  })

  test('two that rename to each other both end', async () => {
    await host.must(['create', 'left', '--set', 'init=persist'])
    await host.must(['create', 'right', '--set', 'init=persist'])
    const results = await Promise.all([
      host.vps(['rename', 'left', 'right']),
      host.vps(['rename', 'right', 'left']),
      host.vps(['rename', 'left', 'middle']),
    ])
    for (const {exitCode, stderr} of results) expect(exitCode, String(stderr)).toBeOneOf([0, 3, 4])
    expect(await settledInconsistencies(host, ['left', 'right', 'middle', BYSTANDER])).toEqual([])
    const names = (await host.json<{name: string}[]>(['list'])).map(({name}) => name)
    expect(names.filter(name => ['left', 'right', 'middle'].includes(name))).toHaveLength(2)
    await host.must(['destroy', ...names.filter(name => name !== BYSTANDER), '--yes'])
  })

  test(`${SHELLS} shells with anything`, {timeout: 120_000}, async () => {
    const bystander = stateOf(host, BYSTANDER)?.get('init')
    const scripts = Array.from({length: SHELLS}, () =>
      Array.from({length: COMMANDS_EACH}, () => random.pick(ANYTHING)),
    )
    await Promise.all(
      scripts.map(async commands => {
        for (const words of commands) {
          const result = await host.vps(words)
          expect(isDocumented(words, result), `${words.join(' ')}: ${result.exitCode} ${result.stderr}`).toBe(
            true,
          )
        }
      }),
    )
    expect(await settledInconsistencies(host, ['many', BYSTANDER])).toEqual([])
    expect(stateOf(host, BYSTANDER)?.get('init')).toBe(bystander)
    await host.vps(['destroy', 'many', '--force', '--yes'])
    expect(standingOf(host, 'many')).toBe('none')
    expect(await settledInconsistencies(host, ['many', BYSTANDER])).toEqual([])
  })
})

type Words = [verb: string, ...rest: string[]]

const CREATE: Words = ['create', 'many', '--set', 'init=persist']
const START: Words = ['start', 'many', '--wait']
const EXEC: Words = ['exec', 'many', '--', 'sh', '-c', 'sleep 0.1; exit 7']

const ANYTHING: [Words, ...Words[]] = [
  CREATE,
  CREATE,
  START,
  START,
  START,
  EXEC,
  EXEC,
  ['stop', 'many'],
  ['stop', 'many', '--kill'],
  ['restart', 'many'],
  ['set', 'many', 'description=changed'],
  ['pause', 'many'],
  ['resume', 'many'],
  ['show', 'many'],
  ['destroy', 'many', '--yes'],
  ['destroy', 'many', '--force', '--yes'],
]

/** 0, or a documented code and a sentence that names the server. */
function isDocumented([verb]: Words, {exitCode, stderr}: Result): boolean {
  const said = /^vps: .*\bmany\b/m.test(String(stderr))
  if (verb === 'exec') return [7, 128 + 9, 128 + 15].includes(exitCode ?? -1) || (exitCode === 125 && said)
  // A server may be stopped by one shell before another has seen it come up.
  const ended = verb === 'start' && exitCode === 1 && /ended before it was up/.test(String(stderr))
  return exitCode === 0 || ((exitCode === 3 || exitCode === 4) && said) || ended
}
