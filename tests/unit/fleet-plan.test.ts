/* What an apply would do to a server, and how plans speak of it. Pure: no host, no root. */
import {describe, expect, test, vi} from 'vitest'
import {type Definition, parseDefinition, storedDefinition} from '../../src/definition/index.ts'
import {difference, type Present} from '../../src/fleet/diff.ts'
import {withoutSecrets} from '../../src/fleet/secrets.ts'
import type {FleetPlan, PlannedServer, Target} from '../../src/fleet/types.ts'
import {fleetPlanText, LiveBlock, nameList, plain, planSentence} from '../../src/ui/index.ts'

const TEXT = 'name: web1\ntemplate: host\nresources: {memory: {limit: 512MiB}}\n'
const MORE = 'name: web1\ntemplate: host\nresources: {memory: {limit: 1GiB}}\n'
// biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in a fleet file
const FROM_ENVIRONMENT = '${env:ADMIN}'
const NAMED = `${TEXT}hostname: web.example.net\n`

function read(text: string): Definition {
  return parseDefinition(text, {file: 'web1.yaml', name: 'web1'}).definition
}

function target(text: string, state: 'running' | 'stopped' = 'running'): Target {
  return {kind: 'server', text, state, fleet: 'acme', definition: () => read(text)}
}

/** A server of the fleet; `started`: the text that it runs with. */
function server(text: string, started?: string, more: Partial<Present> = {}): Present {
  return {
    state: started === undefined ? 'stopped' : 'running',
    stored: true,
    fleet: 'acme',
    text,
    definition: () => read(text),
    // As it is read back from the run directory.
    started: started === undefined ? undefined : (JSON.parse(JSON.stringify(read(started))) as Definition),
    ...more,
  }
}

const NONE: Present = {
  state: null,
  stored: false,
  fleet: undefined,
  text: undefined,
  definition: () => read(''),
  started: undefined,
}

describe('what is to be done to a server', () => {
  const steps = (present: Present, wanted: Target, mayRestart = true) =>
    difference(present, wanted, mayRestart).steps

  test('that is not there', () => {
    expect(steps(NONE, target(TEXT))).toEqual(['create', 'start'])
    expect(steps(NONE, target(TEXT, 'stopped'))).toEqual(['create'])
    expect(steps(NONE, {kind: 'absent', fleet: 'acme'})).toEqual([])
  })

  test('that is as it shall be', () => {
    expect(steps(server(TEXT, TEXT), target(TEXT))).toEqual([])
    expect(steps(server(TEXT), target(TEXT, 'stopped'))).toEqual([])
  })

  test('that is written otherwise and means the same', () => {
    const same = '# by hand\nname: web1\ntemplate: host\nresources:\n  memory: {limit: 524288KiB}\n'
    expect(steps(server(same, TEXT), target(TEXT))).toEqual([])
    expect(steps(server(`\ufeff${TEXT}`), target(TEXT, 'stopped'))).toEqual([])
  })

  test('of which nothing but the text is known is not parsed', () => {
    const unreadable = (): Definition => {
      throw new Error('parsed')
    }
    const wanted = {...target(TEXT, 'stopped'), definition: unreadable} as Target
    expect(steps({...server(TEXT), definition: unreadable}, wanted)).toEqual([])
  })

  test('that runs and shall not, or the other way round', () => {
    expect(steps(server(TEXT, TEXT), target(TEXT, 'stopped'))).toEqual(['stop'])
    expect(steps(server(TEXT), target(TEXT))).toEqual(['start'])
    expect(steps(server(TEXT, undefined, {state: 'crashed'}), target(TEXT))).toEqual(['start'])
    expect(steps(server(TEXT, undefined, {state: 'crashed'}), target(TEXT, 'stopped'))).toEqual(['stop'])
  })

  test('whose keys change live', () => {
    expect(difference(server(TEXT, TEXT), target(MORE), true)).toEqual({
      steps: ['change'],
      changes: [{key: 'resources.memory.limit', old: '512MiB', new: '1GiB', when: 'live'}],
      waiting: [],
    })
  })

  test('whose keys wait for a restart', () => {
    const change = {key: 'hostname', old: 'web1', new: 'web.example.net', when: 'restart'}
    expect(difference(server(TEXT, TEXT), target(NAMED), true)).toEqual({
      steps: ['change', 'restart'],
      changes: [change],
      waiting: [],
    })
    expect(difference(server(TEXT, TEXT), target(NAMED), false)).toEqual({
      steps: ['change'],
      changes: [change],
      waiting: ['hostname'],
    })
  })

  test('whose change was written and whose restart was not made any more', () => {
    expect(difference(server(NAMED, TEXT), target(NAMED), true)).toEqual({
      steps: ['restart'],
      changes: [{key: 'hostname', old: 'web1', new: 'web.example.net', when: 'restart'}],
      waiting: [],
    })
    expect(difference(server(NAMED, TEXT), target(NAMED), false)).toMatchObject({
      steps: [],
      waiting: ['hostname'],
    })
  })

  test('whose definition was changed by hand, so that it runs with something else', () => {
    expect(difference(server(MORE, TEXT), target(MORE), true)).toMatchObject({
      steps: ['change'],
      changes: [{key: 'resources.memory.limit', old: '512MiB', new: '1GiB', when: 'live'}],
    })
  })

  test('that an earlier vps started, which did not know all keys', () => {
    const {stop: _, ...known} = read(TEXT)
    const links = known.network.links.map(({rate: _rate, ...link}) => link)
    const network = {...known.network, links}
    const started = storedDefinition(JSON.stringify({...known, network}))
    expect(steps(server(TEXT, TEXT, {started}), target(TEXT))).toEqual([])
  })

  test('that is stopped and changed: nothing waits, and it is stopped first', () => {
    expect(difference(server(TEXT), target(NAMED, 'stopped'), true)).toMatchObject({
      steps: ['change'],
      changes: [{when: 'live'}],
    })
    expect(steps(server(TEXT, TEXT), target(NAMED, 'stopped'))).toEqual(['stop', 'change'])
    expect(steps(server(TEXT), target(NAMED))).toEqual(['change', 'start'])
  })

  test('that has lost its definition', () => {
    expect(steps(server(TEXT, undefined, {text: undefined}), target(TEXT, 'stopped'))).toEqual(['change'])
  })

  test("that is somebody else's", () => {
    expect(steps(server(TEXT, TEXT, {fleet: undefined}), target(TEXT))).toEqual(['adopt'])
    expect(steps(server(TEXT, TEXT, {fleet: 'other'}), target(MORE))).toEqual(['adopt', 'change'])
    expect(steps(server(TEXT, TEXT, {fleet: 'other'}), {kind: 'absent', fleet: 'acme'})).toEqual([])
    expect(steps({...NONE, text: TEXT, state: 'defined'}, target(TEXT))).toEqual(['adopt', 'create', 'start'])
    const cutOff: Present = {...NONE, text: TEXT, state: 'defined', fleet: 'acme'}
    expect(steps(cutOff, target(TEXT))).toEqual(['create', 'start'])
  })

  test('that goes', () => {
    expect(steps(server(TEXT, TEXT), {kind: 'absent', fleet: 'acme'})).toEqual(['destroy'])
  })
})

describe('plans', () => {
  const planned = (name: string, more: Partial<PlannedServer>): PlannedServer => ({
    name,
    steps: [],
    changes: [],
    waiting: [],
    state: 'running',
    wanted: 'running',
    place: 'fleet.yaml:3:5',
    formerFleet: null,
    ...more,
  })
  const planOf = (servers: PlannedServer[], summary: Partial<FleetPlan['summary']> = {}): FleetPlan => ({
    fleet: 'acme',
    files: ['fleet.yaml'],
    pending: servers.some(({steps}) => steps.length > 0),
    summary: {
      destroy: 0,
      adopt: 0,
      create: 0,
      stop: 0,
      change: 0,
      restart: 0,
      start: 0,
      unchanged: 0,
      waiting: 0,
      orphans: 0,
      ...summary,
    },
    servers,
    problems: [],
    interrupted: null,
  })

  test('draw together the servers that the same is done to', () => {
    const change = {key: 'resources.memory.limit', old: '512MiB', new: '1GiB', when: 'live'} as const
    const servers = [
      ...[1, 2, 3].map(n => planned(`lab-00${n}`, {steps: ['create', 'start'], state: null, changes: []})),
      ...['bob', 'alice'].map(name => planned(name, {steps: ['change'], changes: [change]})),
      planned('db1', {
        steps: ['change', 'restart'],
        changes: [{...change, key: 'hostname', when: 'restart'}],
      }),
      planned('old1', {steps: ['destroy'], wanted: null, place: null}),
      planned('web1', {steps: ['adopt', 'start'], formerFleet: 'other'}),
      planned('gone1', {wanted: null, place: null}),
      planned('late1', {waiting: ['hostname']}),
    ]
    const text = fleetPlanText(
      planOf(servers, {create: 3, change: 3, restart: 1, start: 4, adopt: 1, destroy: 1, unchanged: 1}),
      plain,
    )
    expect(text).toMatchInlineSnapshot(`
      "Fleet acme: fleet.yaml

        + create, start (3)
            lab-{001..003}

        ~ change, live (2)
            alice, bob
            resources.memory.limit  512MiB → 1GiB

        ~ change, restart
            db1
            hostname  512MiB → 1GiB  (after a restart)

        - destroy, with all data
            old1

        ~ take over (of fleet other), start
            web1

      Note: keys of late1 wait for a restart, and --no-restart leaves them so.

      Note: gone1: of fleet acme and in none of its files; --prune destroys what is not there.

      Plan: 3 to create, 1 to take over, 3 to change, 1 to restart, 4 to start, 1 to destroy, 1 unchanged."
    `)
  })

  test('say when there is nothing to do', () => {
    expect(planSentence(planOf([planned('web1', {})], {unchanged: 1}))).toBe(
      'Nothing to do: the server of fleet acme is as the files say.',
    )
    expect(planSentence(planOf([], {unchanged: 300}))).toBe(
      'Nothing to do: all 300 servers of fleet acme are as the files say.',
    )
  })

  test('hide secrets, and show where they come from', () => {
    expect(withoutSecrets('hostname', 'web1')).toBe('web1')
    expect(withoutSecrets('provision.users', [{name: 'admin', password: 'geheim'}])).toEqual([
      {name: 'admin', password: '(hidden)'},
    ])
    expect(withoutSecrets('provision.users', [{password: FROM_ENVIRONMENT}])).toEqual([
      {password: FROM_ENVIRONMENT},
    ])
    expect(withoutSecrets('env', {API_TOKEN: 'abc', LANG: 'C'})).toEqual({API_TOKEN: '(hidden)', LANG: 'C'})
    expect(withoutSecrets('env["DB_PASSWORD"]', 'abc')).toBe('(hidden)')
  })
})

test('names that only differ in a number are drawn together', () => {
  expect(nameList(['lab-001', 'lab-002', 'lab-003'])).toBe('lab-{001..003}')
  expect(nameList(['lab-9', 'lab-10', 'lab-11', 'lab-13'])).toBe('lab-{9..11}, lab-13')
  expect(nameList(['lab-09', 'lab-10', 'lab-8'])).toBe('lab-8, lab-09, lab-10')
  expect(nameList(['web1', 'db', 'web2'])).toBe('db, web1, web2')
  expect(nameList(['7', '8', '9'])).toBe('{7..9}')
  expect(nameList([])).toBe('')
})

test('what is printed above a live block stays, and the block goes', async () => {
  const written: string[] = []
  const stream = {isTTY: true, columns: 11, rows: 3, write: (text: string) => written.push(text)}
  const block = new LiveBlock(() => ['one line too long', 'two', 'three'], stream)
  await vi.waitFor(() => expect(written.length).toBeGreaterThan(0))
  block.print('failed')
  block.end()
  expect(written[0]).toBe('one line t\ntwo\n')
  expect(written.at(-1)).toBe('\u001b[2A\u001b[Jfailed\n')
  const silent: string[] = []
  new LiveBlock(() => ['x'], {write: text => silent.push(text)}).end()
  expect(silent).toEqual([])
})
