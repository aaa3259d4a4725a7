import {appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type HostPaths, hostPaths, serverPaths} from '../../src/host/index.ts'
import {readGuestText} from '../../src/server/guest-file.ts'
import {type LogOptions, logs} from '../../src/server/logs.ts'
import {parsePasswd} from '../../src/server/processes.ts'
import {isProcess, parseRunState} from '../../src/server/run-state.ts'

let root: string
let paths: HostPaths
let log: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
  log = serverPaths(paths, 'web1').console
  await mkdir(serverPaths(paths, 'web1').log, {recursive: true})
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

async function read(options: LogOptions = {}): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of logs(paths, 'web1', options)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('logs', () => {
  test('of a server that never said anything are empty', async () => {
    expect(await read()).toBe('')
    await rm(serverPaths(paths, 'web1').log, {recursive: true})
    expect(await read()).toBe('')
  })

  test('are read over rotated files, oldest first, by number and not by letter', async () => {
    for (const number of [10, 2, 1]) await writeFile(`${log}.${number}`, `file ${number}\n`)
    await writeFile(log, 'now\n')
    await writeFile(`${log}.old`, 'not ours\n')
    expect(await read()).toBe('file 10\nfile 2\nfile 1\nnow\n')
  })

  test.each([
    [0, ''],
    [1, 'five\n'],
    [2, 'four\nfive\n'],
    [3, 'three\nfour\nfive\n'],
    [5, 'one\ntwo\nthree\nfour\nfive\n'],
    [99, 'one\ntwo\nthree\nfour\nfive\n'],
  ])('the last %d lines may begin in an older file', async (lines, expected) => {
    await writeFile(`${log}.1`, 'one\ntwo\nthr')
    await writeFile(log, 'ee\nfour\nfive\n')
    expect(await read({lines})).toBe(expected)
  })

  test('a line without an end counts, an empty new file does not', async () => {
    await writeFile(`${log}.1`, 'one\ntwo\n')
    await writeFile(log, '')
    expect(await read({lines: 1})).toBe('two\n')
    await writeFile(log, 'prompt$ ')
    expect(await read({lines: 2})).toBe('two\nprompt$ ')
  })

  test('lines longer than what is read at once are found', async () => {
    const long = `${'x'.repeat(200_000)}\n`
    await writeFile(log, `first\n${long}last\n`)
    expect(await read({lines: 2})).toBe(`${long}last\n`)
  })

  test('are followed through several rotations without a gap', async () => {
    await writeFile(log, 'old\nline 0\n')
    const seen: string[] = []
    const {promise: begun, resolve: begin} = Promise.withResolvers<void>()
    const reading = (async () => {
      for await (const chunk of logs(paths, 'web1', {lines: 1, follow: true})) {
        seen.push(chunk.toString())
        begin()
        if (seen.join('').includes('line 40\n')) return
      }
    })()
    await begun
    for (let number = 1; number <= 40; number++) {
      await appendFile(log, `line ${number}\n`)
      if (number % 7 === 0) {
        for (const age of [2, 1]) await rename(`${log}.${age}`, `${log}.${age + 1}`).catch(() => {})
        await rename(log, `${log}.1`)
        await writeFile(log, '')
        await new Promise(resolve => setTimeout(resolve, 15))
      }
    }
    await reading
    expect(seen.join('')).toBe(Array.from({length: 41}, (_, number) => `line ${number}\n`).join(''))
  })

  test('are followed from before the first word', async () => {
    const reading = (async () => {
      for await (const chunk of logs(paths, 'web1', {follow: true})) return chunk.toString()
      return undefined
    })()
    await new Promise(resolve => setTimeout(resolve, 30))
    await writeFile(log, 'hello\n')
    expect(await reading).toBe('hello\n')
  })

  test('end when the server is destroyed', async () => {
    await writeFile(log, 'bye\n')
    setTimeout(() => void rm(serverPaths(paths, 'web1').storage, {recursive: true}), 30)
    expect(await read({follow: true})).toBe('bye\n')
  })
})

describe('files of a guest', () => {
  test('are read, but links and pipes are not', async () => {
    await mkdir(join(root, 'guest', 'etc'), {recursive: true})
    await writeFile(
      join(root, 'guest', 'etc', 'passwd'),
      'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n',
    )
    const guest = join(root, 'guest')
    expect(parsePasswd(readGuestText(guest, 'etc/passwd') ?? '').get(1000)).toBe('ann')
    await symlink('/etc/passwd', join(guest, 'etc', 'link'))
    await symlink('/etc', join(guest, 'outside'))
    expect(readGuestText(guest, 'etc/link')).toBeUndefined()
    expect(readGuestText(guest, 'outside/passwd')).toBeUndefined()
    expect(readGuestText(guest, 'etc')).toBeUndefined()
    const {execFileSync} = await import('node:child_process')
    execFileSync('mkfifo', [join(guest, 'etc', 'pipe')])
    expect(readGuestText(guest, 'etc/pipe')).toBeUndefined()
  })

  test('names that could upset a terminal are not taken', () => {
    expect(parsePasswd('\u001b[2J:x:1:1\nok-name:x:2:2\nsecond:x:2:2\n')).toEqual(new Map([[2, 'ok-name']]))
  })
})

describe('the state of a run', () => {
  test('needs a supervisor and a known state', () => {
    expect(parseRunState('')).toBeUndefined()
    expect(parseRunState('supervisor=12\nstate=dancing\n')).toBeUndefined()
    expect(parseRunState('supervisor=0\nstate=running\n')).toBeUndefined()
    expect(parseRunState('supervisor=12\nstate=running\ncgroup=/a=b\n')).toMatchObject({
      cgroup: '/a=b',
      ready: false,
    })
  })

  test('a process is known by its start, too', () => {
    expect(isProcess(process.pid, '1')).toBe(false)
    expect(isProcess(0x3fffffff, '1')).toBe(false)
  })
})
