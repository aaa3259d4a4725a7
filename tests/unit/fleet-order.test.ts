import {setTimeout as sleep} from 'node:timers/promises'
import {describe, expect, test} from 'vitest'
import {inOrder, type Ordered, orderOf, reversed, untangle} from '../../src/fleet/order.ts'

/** `{web: ['db']}` as servers. */
const graph = (after: Readonly<Record<string, readonly string[]>>): Ordered[] =>
  Object.entries(after).map(([name, others]) => ({name, after: others}))

const names = (stages: readonly (readonly Ordered[])[]) => stages.map(stage => stage.map(({name}) => name))

const SHOP = graph({web: ['app', 'cache'], app: ['db'], cache: [], db: [], mail: []})

describe('stages', () => {
  test('come in the order of dependency, inside of one as given', () => {
    expect(names(orderOf(SHOP))).toEqual([['cache', 'db', 'mail'], ['app'], ['web']])
  })

  test('of nothing are none', () => {
    expect(orderOf([])).toEqual([])
  })

  test('take no notice of names that are not there', () => {
    expect(names(orderOf(graph({web: ['gone']})))).toEqual([['web']])
  })

  test('the other way round, each comes after those that came after it', () => {
    expect(names(orderOf(reversed(SHOP)))).toEqual([['web', 'mail'], ['app', 'cache'], ['db']])
  })

  test('a thousand servers in a chain are ordered in no time', () => {
    const chain = Array.from({length: 1000}, (_, index) => ({name: `s${index}`, after: [`s${index + 1}`]}))
    expect(orderOf(chain)).toHaveLength(1000)
  })
})

describe('a cycle', () => {
  test.each([
    [{web: ['app'], app: ['db'], db: ['web']}, 'web → app → db → web'],
    [{web: ['web']}, 'web → web'],
    [{mail: ['web'], web: ['app', 'free'], app: ['web'], free: []}, 'web → app → web'],
  ])('%j is named with its way round', (after, way) => {
    expect(() => orderOf(graph(after))).toThrow(
      expect.objectContaining({
        code: 'DEPENDENCY_CYCLE',
        exitCode: 2,
        message: `servers wait for each other: ${way}`,
      }),
    )
  })

  test('is taken out of the order, and the rest keeps its own', () => {
    const {servers, cycles} = untangle(graph({web: ['a', 'db'], a: ['b'], b: ['a', 'c'], c: ['c'], db: []}))
    expect(names(orderOf(servers))).toEqual([['a', 'b', 'c', 'db'], ['web']])
    expect([...cycles].map(([name, {names: round}]) => [name, round])).toEqual([
      ['a', ['a', 'b']],
      ['b', ['a', 'b']],
      ['c', ['c']],
    ])
  })

  test('keeps anything from being done', async () => {
    let done = 0
    const work = async () => {
      done++
    }
    await expect(inOrder(graph({free: [], a: ['b'], b: ['a']}), work)).rejects.toThrow('a → b → a')
    expect(done).toBe(0)
  })
})

/** What happened to servers, in the order in which it did. */
function diary() {
  const lines: string[] = []
  let now = 0
  let most = 0
  return {
    lines,
    most: () => most,
    async pass(name: string, ms: number) {
      lines.push(`+${name}`)
      most = Math.max(most, ++now)
      await sleep(ms)
      now--
      lines.push(`-${name}`)
    },
  }
}

describe('the scheduler', () => {
  test('begins a server when all are done that it comes after, and waits for no other', async () => {
    const {lines, pass} = diary()
    const pace: Readonly<Record<string, number>> = {mail: 60, db: 20, cache: 1, app: 1, web: 1}
    await inOrder(SHOP, ({name}) => pass(name, pace[name] ?? 0))
    const at = (line: string) => lines.indexOf(line)
    expect(at('+app')).toBeGreaterThan(at('-db'))
    expect(at('+web')).toBeGreaterThan(Math.max(at('-app'), at('-cache')))
    expect(at('-web')).toBeLessThan(at('-mail'))
  })

  test.each([1, 2, 3])('has %i at work at once at most', async parallel => {
    const {most, pass} = diary()
    const servers = Array.from({length: 9}, (_, index) => ({name: `s${index}`, after: []}))
    const outcomes = await inOrder(servers, ({name}) => pass(name, 3), {parallel})
    expect(outcomes.map(({kind}) => kind)).toEqual(Array(9).fill('done'))
    expect(most()).toBe(parallel)
  })

  test('lets the next begin when a turn is released, and its followers only when it is done', async () => {
    const lines: string[] = []
    const work = async ({name}: Ordered, {release}: {release: () => void}) => {
      lines.push(`+${name}`)
      if (name === 'slow') {
        release()
        release()
        await sleep(30)
      }
      await sleep(1)
      lines.push(`-${name}`)
    }
    const servers = graph({slow: [], other: [], third: [], follower: ['slow']})
    await inOrder(servers, work, {parallel: 1})
    expect(lines).toEqual([
      '+slow',
      '+other',
      '-other',
      '+third',
      '-third',
      '-slow',
      '+follower',
      '-follower',
    ])
  })

  test('says of each how it fared, and skips those after one that failed', async () => {
    const skipped: string[] = []
    const outcomes = await inOrder(
      SHOP,
      async ({name}) => {
        if (name === 'db') throw new Error('no space')
        return name.toUpperCase()
      },
      {onSkip: ({name}, because) => skipped.push(`${name} for ${because}`)},
    )
    expect(outcomes).toEqual([
      {server: SHOP[0], kind: 'skipped', because: 'db'},
      {server: SHOP[1], kind: 'skipped', because: 'db'},
      {server: SHOP[2], kind: 'done', value: 'CACHE'},
      {server: SHOP[3], kind: 'failed', error: new Error('no space')},
      {server: SHOP[4], kind: 'done', value: 'MAIL'},
    ])
    expect(skipped).toEqual(['app for db', 'web for db'])
  })

  test('goes on after a failure when it is told to', async () => {
    const done: string[] = []
    const work = async ({name}: Ordered) => {
      done.push(name)
      if (name === 'db') throw new Error('no space')
    }
    const outcomes = await inOrder(SHOP, work, {goOn: true})
    expect(done.toSorted()).toEqual(['app', 'cache', 'db', 'mail', 'web'])
    expect(outcomes.map(({kind}) => kind)).toEqual(['done', 'done', 'done', 'failed', 'done'])
  })

  test('begins nothing once it is aborted, and waits for what has begun', async () => {
    const stop = new AbortController()
    const done: string[] = []
    const work = async ({name}: Ordered) => {
      if (name === 'b') stop.abort()
      await sleep(5)
      done.push(name)
    }
    const servers = graph({a: [], b: [], c: [], d: ['a']})
    const outcomes = await inOrder(servers, work, {parallel: 2, signal: stop.signal})
    expect(done).toEqual(['a', 'b'])
    expect(outcomes.map(({kind}) => kind)).toEqual(['done', 'done', 'aborted', 'aborted'])
  })

  test('waits before a turn without a slot', async () => {
    const lines: string[] = []
    const before = async ({name}: Ordered) => {
      if (name === 'late') await sleep(20)
    }
    const work = async ({name}: Ordered) => {
      lines.push(name)
    }
    await inOrder(graph({late: [], one: [], two: []}), work, {parallel: 1, before})
    expect(lines).toEqual(['one', 'two', 'late'])
  })
})
