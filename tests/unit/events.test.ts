import {execFileSync} from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest'
import {
  type EventOptions,
  eventLine,
  type HostEvent,
  type HostPaths,
  hostPaths,
  parseEvent,
  readEvents,
  recordEvent,
} from '../../src/host/index.ts'

let root: string
let paths: HostPaths
let log: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
  log = join(paths.events, 'log')
})
afterEach(() => rmSync(root, {recursive: true, force: true}))

async function read(options: EventOptions = {}): Promise<HostEvent[]> {
  return await Array.fromAsync(readEvents(paths, options))
}

/** Other tests may have the processors. */
const soon = (check: () => void): Promise<void> => vi.waitFor(check, {timeout: 10_000})

const words = (events: readonly HostEvent[]): string[] =>
  events.map(({type, server}) => `${type} ${server ?? '-'}`)

describe('recording', () => {
  test('makes a line of JSON that only root can read', async () => {
    recordEvent(paths, {type: 'created', server: 'web1', detail: {template: 'debian'}})
    recordEvent(paths, {type: 'boot', server: null})
    expect(statSync(log).mode & 0o777).toBe(0o600)
    expect(statSync(paths.events).mode & 0o777).toBe(0o700)
    const [first] = readFileSync(log, 'utf8').split('\n')
    expect(Object.keys(JSON.parse(first ?? ''))).toEqual(['time', 'type', 'server', 'detail'])
    expect(first).toMatch(/^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","type":"created",/)
    expect(await read()).toMatchObject([
      {type: 'created', server: 'web1', detail: {template: 'debian'}},
      {type: 'boot', server: null},
    ])
  })

  test('closes a log that was open to others', () => {
    mkdirSync(paths.events, {recursive: true})
    writeFileSync(log, '')
    chmodSync(log, 0o644)
    recordEvent(paths, {type: 'created', server: 'web1'})
    expect(statSync(log).mode & 0o777).toBe(0o600)
  })

  test('never throws', () => {
    mkdirSync(log, {recursive: true}) // a directory in its place
    recordEvent(paths, {type: 'created', server: 'web1'})
    recordEvent({events: '/dev/full/no'}, {type: 'created', server: 'web1'})
  })

  test('a line is one write: long texts are shortened', () => {
    const event = {time: '2026-11-30T12:00:00.000Z', type: 'failed', server: 'web1'} as const
    const line = eventLine({...event, detail: {reason: 'ü'.repeat(5000), step: 3}})
    expect(Buffer.byteLength(line)).toBeLessThan(4096)
    expect(parseEvent(line.trimEnd())?.detail).toEqual({reason: `${'ü'.repeat(199)}…`, step: 3})
    const absurd = Object.fromEntries(
      Array.from({length: 200}, (_, index) => [`${'k'.repeat(500)}${index}`, 'x'.repeat(300)]),
    )
    expect(parseEvent(eventLine({...event, detail: absurd}).trimEnd())).toEqual(event)
  })

  test('a log over its size becomes log.1, and both are read in order', async () => {
    recordEvent(paths, {type: 'created', server: 'old'})
    const filler = `${'x'.repeat(1023)}\n`
    appendFileSync(log, filler.repeat(4096))
    recordEvent(paths, {type: 'created', server: 'last-in-old'})
    await soon(() => expect(existsSync(`${log}.1`)).toBe(true))
    recordEvent(paths, {type: 'created', server: 'new'})
    expect(words(await read())).toEqual(['created old', 'created last-in-old', 'created new'])
    expect(statSync(log).size).toBeLessThan(200)
  })
})

describe('reading', () => {
  const line = (type: HostEvent['type'], server: string, minute: number): string =>
    eventLine({time: `2026-11-30T12:0${minute}:00.000Z`, type, server})

  beforeEach(() => mkdirSync(paths.events, {recursive: true}))

  test('a host without a log has no events', async () => {
    rmSync(paths.var, {recursive: true})
    expect(await read()).toEqual([])
  })

  test('filters', async () => {
    writeFileSync(
      log,
      line('created', 'web1', 0) +
        line('started', 'web1', 1) +
        line('created', 'web2', 2) +
        line('stopped', 'web1', 3),
    )
    expect(words(await read({names: ['web2']}))).toEqual(['created web2'])
    expect(words(await read({types: ['created']}))).toEqual(['created web1', 'created web2'])
    expect(words(await read({since: new Date('2026-11-30T12:02:00Z')}))).toEqual([
      'created web2',
      'stopped web1',
    ])
  })

  test('who asks for the new name is told of the renaming', async () => {
    recordEvent(paths, {type: 'renamed', server: 'web1', detail: {to: 'web2'}})
    for (const name of ['web1', 'web2']) expect(words(await read({names: [name]}))).toEqual(['renamed web1'])
    expect(await read({names: ['web3']})).toEqual([])
  })

  test.each([
    ['a torn last line', `${line('created', 'a', 0)}${line('created', 'b', 1).slice(0, 40)}`, ['created a']],
    [
      'an event behind a torn one',
      `${line('created', 'a', 0).slice(0, 30)}${line('created', 'b', 1)}`,
      ['created b'],
    ],
    [
      'foreign garbage',
      `\n\0\0\0\nnull\n{"time":"x"}\n[1]\n{"time":"2026-11-30T12:00:00.000Z","type":"odd","server":null}\n${line('created', 'a', 0)}`,
      ['created a'],
    ],
    [
      'a detail that is none',
      `{"time":"2026-11-30T12:00:00.000Z","type":"boot","server":null,"detail":{"a":{}}}\n{"time":"2026-11-30T12:00:00.000Z","type":"boot","server":7}\n${line('created', 'a', 0)}`,
      ['created a'],
    ],
    ['an endless line', `${'x'.repeat(300_000)}\n${line('created', 'a', 0)}`, ['created a']],
  ])('%s harms no other', async (_, text, expected) => {
    writeFileSync(log, text)
    expect(words(await read())).toEqual(expected)
  })

  test('what a text quotes is no event', () => {
    const inner = line('created', 'evil', 0).trimEnd()
    const outer = eventLine({
      time: '2026-11-30T12:00:00.000Z',
      type: 'failed',
      server: 'a',
      detail: {reason: inner},
    }).trimEnd()
    expect(parseEvent(outer)?.server).toBe('a')
    expect(parseEvent(outer.slice(0, -3))).toBeUndefined()
  })
})

describe('following', () => {
  function follow(options: EventOptions = {}): {seen: HostEvent[]; stop: () => Promise<void>} {
    const stopper = new AbortController()
    const seen: HostEvent[] = []
    const done = (async () => {
      for await (const event of readEvents(paths, {...options, follow: true, signal: stopper.signal}))
        seen.push(event)
    })()
    return {
      seen,
      stop: async () => {
        stopper.abort()
        await done
      },
    }
  }

  test('sees what comes, on a host that has no log yet, until it is stopped', async () => {
    const {seen, stop} = follow()
    await sleep(20)
    recordEvent(paths, {type: 'created', server: 'web1'})
    await soon(() => expect(words(seen)).toEqual(['created web1']))
    recordEvent(paths, {type: 'started', server: 'web1'})
    await soon(() => expect(words(seen)).toEqual(['created web1', 'started web1']))
    await stop()
    recordEvent(paths, {type: 'stopped', server: 'web1'})
    await sleep(20)
    expect(seen).toHaveLength(2)
  })

  test('a line that comes in two parts is one event', async () => {
    mkdirSync(paths.events, {recursive: true})
    const text = eventLine({time: '2026-11-30T12:00:00.000Z', type: 'created', server: 'web1'})
    const {seen, stop} = follow()
    appendFileSync(log, text.slice(0, 40))
    await sleep(50)
    expect(seen).toEqual([])
    appendFileSync(log, text.slice(40))
    await soon(() => expect(words(seen)).toEqual(['created web1']))
    await stop()
  })

  test('goes on over rotations, and reads who writes to the old file a moment late', async () => {
    const {seen, stop} = follow()
    const expected: string[] = []
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 20; index++) {
        recordEvent(paths, {type: 'created', server: `s${round}-${index}`})
        expected.push(`created s${round}-${index}`)
      }
      renameSync(log, `${log}.1`)
      appendFileSync(
        `${log}.1`,
        eventLine({time: new Date().toISOString(), type: 'limit', server: `late${round}`}),
      )
      expected.push(`limit late${round}`)
      await soon(() => expect(seen).toHaveLength(expected.length))
    }
    await stop()
    expect(words(seen).toSorted()).toEqual(expected.toSorted())
  })

  test('loses nothing of many writers', async () => {
    const {seen, stop} = follow()
    const script = `
      import {recordEvent} from '${join(import.meta.dirname, '../../src/host/events.ts')}'
      for (let index = 0; index < 50; index++)
        recordEvent({events: '${paths.events}'}, {type: 'created', server: process.argv[1] + '-' + index})`
    const writers = ['a', 'b', 'c', 'd']
      .map(name => `'${process.execPath}' --input-type=module -e "$SCRIPT" ${name} &`)
      .join('\n')
    execFileSync('/bin/sh', ['-c', `${writers}\nwait`], {env: {...process.env, SCRIPT: script}})
    await soon(() => expect(seen).toHaveLength(200))
    await stop()
    expect(new Set(words(seen)).size).toBe(200)
  })

  test('a log that is cut to nothing is followed from there on', async () => {
    recordEvent(paths, {type: 'created', server: 'web1', detail: {template: 'debian'}})
    const {seen, stop} = follow()
    await soon(() => expect(seen).toHaveLength(1))
    truncateSync(log)
    recordEvent(paths, {type: 'created', server: 'web2'})
    await soon(() => expect(words(seen)).toEqual(['created web1', 'created web2']))
    await stop()
  })

  test('an aborted signal ends it at once', async () => {
    expect(await read({follow: true, signal: AbortSignal.abort()})).toEqual([])
  })
})
