import {spawn, spawnSync} from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import {constants, tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest'
import {
  fileVersions,
  flock,
  launch,
  memfd,
  NativeError,
  nativeFile,
  pidfdOpen,
  pidfdSignal,
  pidfdWait,
  readTargets,
  readTexts,
  runProgram,
  SYSTEM_PATH,
} from '../../src/native/index.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vps-native-'))
})
afterAll(() => rmSync(directory, {recursive: true}))

/** A program that stands where a supervisor will: it says on descriptor 4 what it was given. */
function script(name: string, body: string): string {
  const file = join(directory, name)
  writeFileSync(file, `#!/bin/sh\n${body}\n`)
  chmodSync(file, 0o755)
  return file
}

/** The descriptors in what `ls -l /proc/self/fd` says, without the one of ls itself. */
function descriptors(listing: string): number[] {
  const links = [...listing.matchAll(/ (\d+) -> (.+)$/gm)]
  return links.filter(([, , target]) => !/^\/proc\/\d+\/fd$/.test(target ?? '')).map(([, fd]) => Number(fd))
}

function readAll(fd: number): string {
  try {
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

describe('errors', () => {
  test('a failed call throws a NativeError with errno, system call and path', async () => {
    let error: unknown
    try {
      await launch({supervisor: '/nowhere/at/all', words: Buffer.from('x\0'), name: 'web1'})
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(NativeError)
    expect(error).toMatchObject({
      code: 'ENOENT',
      errno: 2,
      syscall: 'posix_spawn',
      path: '/nowhere/at/all',
      message: '/nowhere/at/all: No such file or directory (posix_spawn)',
    })
  })

  test('nonsense is refused before it reaches C', () => {
    expect(() => pidfdOpen(Number.NaN)).toThrow(RangeError)
    expect(() => pidfdSignal(-1, 9)).toThrow(RangeError)
    expect(() => memfd('a\0b', Buffer.alloc(0))).toThrow(RangeError)
  })
})

describe('many files at a glance', () => {
  const at = (name: string) => join(directory, name)

  test('texts come in the order of their paths, however many threads read them', () => {
    const paths = Array.from({length: 1000}, (_, index) => at(`text-${index}`))
    for (const [index, path] of paths.entries()) if (index % 3 !== 0) writeFileSync(path, `is ${index} ä`)
    expect(readTexts(paths)).toEqual(paths.map((_, index) => (index % 3 === 0 ? undefined : `is ${index} ä`)))
    expect(readTexts([])).toEqual([])
  })

  test('a file longer than one read is read to its end, and an empty one is no missing one', () => {
    writeFileSync(at('long'), 'x'.repeat(10_000))
    writeFileSync(at('empty'), '')
    expect(readTexts([at('long'), at('empty')])).toEqual(['x'.repeat(10_000), ''])
  })

  test('no text: what is missing, a directory, below a file, a process that is gone', () => {
    writeFileSync(at('file'), '')
    expect(readTexts([at('none'), directory, at('file/below'), '/proc/2147483647/stat'])).toEqual(
      Array(4).fill(undefined),
    )
    expect(readTexts(['/proc/self/stat'])[0]).toContain(`${process.pid} (`)
  })

  test('any other failure is thrown, with its path', () => {
    symlinkSync(at('loop'), at('loop'))
    const failure = (syscall: string) => expect.objectContaining({code: 'ELOOP', path: at('loop'), syscall})
    expect(() => readTexts(['/proc/self/stat', at('loop')])).toThrow(failure('open'))
    expect(() => fileVersions([at('loop')])).toThrow(failure('stat'))
    expect(() => readTexts(['/proc/self/mem'])).toThrow(
      expect.objectContaining({code: 'EIO', syscall: 'read'}),
    )
  })

  test('the version of a file is another after each change of it', () => {
    const file = at('versioned')
    writeFileSync(file, 'one')
    const [first] = fileVersions([file])
    expect(fileVersions([file, at('none'), at('file/below')])).toEqual([first, undefined, undefined])
    writeFileSync(file, 'two!')
    const [second] = fileVersions([file])
    utimesSync(file, 1_700_000_000, 1_700_000_000)
    const [third] = fileVersions([file])
    expect(new Set([undefined, first, second, third]).size).toBe(4)
  })

  test('targets of symbolic links, whether anything is there or not; a file has none', () => {
    symlinkSync('web1 eth0', at('link'))
    writeFileSync(at('plain'), '')
    expect(readTargets([at('link'), at('plain'), at('none')])).toEqual(['web1 eth0', undefined, undefined])
  })

  test('a path with a NUL byte is refused', () => {
    expect(() => readTexts(['/a\0/b'])).toThrow(RangeError)
  })
})

test('a memfd holds the bytes and can be changed by nobody', () => {
  const fd = memfd('words', Buffer.from('one\0two\0'))
  try {
    expect(readFileSync(`/proc/self/fd/${fd}`, 'utf8')).toBe('one\0two\0')
    expect(() => writeSync(fd, 'x', 0)).toThrow('EPERM')
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02/) // O_CLOEXEC
  } finally {
    closeSync(fd)
  }
})

describe('launch', () => {
  test('hands over the plan and the report channel, and nothing of the caller', async () => {
    const supervisor = script(
      'supervisor',
      `{ ls -l /proc/self/fd; env; grep ^Sig /proc/self/status
         echo "cwd $(pwd)"; echo "session $(ps -o sid= -p $$) $$"; tr '\\0' ' ' <&3; } >&4`,
    )
    const {pid, reportFd} = await launch({
      supervisor,
      words: Buffer.from('vps-plan\x001\0end\0'),
      name: 'web1',
    })
    const report = readAll(reportFd)
    expect(descriptors(report)).toEqual([0, 1, 2, 3, 4])
    expect(report).toContain('0 -> /dev/null')
    expect(report).toContain('3 -> /memfd:vps-supervisor: web1 (deleted)')
    expect(report).toContain('vps-plan 1 end')
    expect(report).toContain('cwd /\n')
    expect(report).toMatch(new RegExp(`^session +${pid} ${pid}$`, 'm'))
    expect(report).toMatch(/^SigBlk:\s+0+$/m)
    expect(report).toMatch(/^SigIgn:\s+0+$/m)
    expect(report).not.toMatch(/^HOME=/m)
    await vi.waitFor(() => expect(() => pidfdOpen(pid)).toThrow('No such process')) // reaped
  })
})

describe('runProgram', () => {
  test('hands over input, plan and environment, and nothing of the caller', async () => {
    const {code, stdout, stderr} = await runProgram(
      'sh',
      [
        '-c',
        'cat; tr "\\0" " " <&3; echo; env; ls -l /proc/self/fd; grep ^Sig /proc/self/status; echo no >&2; exit 7',
      ],
      {env: {PATH: SYSTEM_PATH, WHO: 'me', NOT: undefined}, input: 'in\n', plan: Buffer.from('a\0b\0')},
    )
    expect(code).toBe(7)
    expect(stderr).toBe('no\n')
    expect(stdout).toMatch(/^in\na b \n/)
    expect(stdout).toMatch(/^WHO=me$/m)
    expect(stdout).not.toMatch(/^(HOME|NOT)=/m)
    expect(descriptors(stdout)).toEqual([0, 1, 2, 3])
    expect(stdout).toMatch(/^SigBlk:\s+0+$/m)
    expect(stdout).toMatch(/^SigIgn:\s+0+$/m)
  })

  test('what it prints may be long, and is told whole', async () => {
    const {stdout} = await runProgram('head', ['-c', '3000000', '/dev/zero'])
    expect(stdout.length).toBe(3_000_000)
  })

  test('JavaScript goes on while it runs, many at once', async () => {
    const begin = performance.now()
    const ends = Promise.all(Array.from({length: 12}, () => runProgram('sleep', ['0.5'])))
    let turns = 0
    const timer = setInterval(() => turns++, 10)
    await ends
    clearInterval(timer)
    expect(performance.now() - begin).toBeLessThan(5_000) // one after the other they take six
    expect(turns).toBeGreaterThan(10)
  })

  test('a signal is no exit status', async () => {
    expect(await runProgram('sh', ['-c', 'kill -9 $$'])).toMatchObject({code: null, stdout: ''})
  })

  test('what is not there, or no program, is an error; one in the working directory is not meant', async () => {
    const before = process.cwd()
    script('only-here', 'echo wrong')
    process.chdir(directory)
    try {
      for (const path of [SYSTEM_PATH, '', '.', `:${SYSTEM_PATH}`])
        await expect(runProgram('only-here', [], {env: {PATH: path}})).rejects.toMatchObject({code: 'ENOENT'})
      await expect(runProgram(directory, [])).rejects.toMatchObject({code: 'EACCES', path: directory})
      await expect(runProgram('true', ['a\0b'])).rejects.toThrow(RangeError)
    } finally {
      process.chdir(before)
    }
  })
})

describe('flock', () => {
  const open = () => openSync(join(directory, 'lock'), 'w')

  test('is refused, waited for and handed on', async () => {
    const [first, second] = [open(), open()]
    expect(await flock(first, 'exclusive', false)).toBe(true)
    expect(await flock(second, 'exclusive', false)).toBe(false)
    const waiting = flock(second, 'exclusive', true)
    closeSync(first)
    expect(await waiting).toBe(true)
    closeSync(second)
  })

  test('twenty waiters do not stop the holder from using files', async () => {
    const {readFile} = await import('node:fs/promises')
    const holder = open()
    await flock(holder, 'exclusive', true)
    const others = Array.from({length: 20}, async () => {
      const fd = open()
      const got = await flock(fd, 'exclusive', true)
      closeSync(fd)
      return got
    })
    expect(await readFile('/proc/self/comm', 'utf8')).not.toBe('')
    closeSync(holder)
    expect(await Promise.all(others)).toEqual(Array(20).fill(true))
  })

  test('shared locks share; a bad descriptor is an error', async () => {
    const [first, second] = [open(), open()]
    expect(await flock(first, 'shared', false)).toBe(true)
    expect(await flock(second, 'shared', false)).toBe(true)
    closeSync(first)
    closeSync(second)
    await expect(flock(999_999, 'shared', false)).rejects.toMatchObject({code: 'EBADF', syscall: 'flock'})
  })
})

describe('pidfd', () => {
  test('waits for the end of a process, and can give up', async () => {
    const child = spawn('sleep', ['60'])
    const pidfd = pidfdOpen(child.pid ?? 0)
    const given = new AbortController()
    const impatient = pidfdWait(pidfd, {signal: given.signal})
    given.abort(new Error('too long'))
    await expect(impatient).rejects.toThrow('too long')
    const patient = pidfdWait(pidfd)
    pidfdSignal(pidfd, constants.signals.SIGKILL)
    await patient
    await pidfdWait(pidfd) // an ended process is waited for at once
    closeSync(pidfd)
  })

  test('no process, no pidfd', () => {
    expect(() => pidfdOpen(0x7ffffffe)).toThrow(
      expect.objectContaining({code: 'ESRCH', syscall: 'pidfd_open'}),
    )
  })
})

test('execAttach becomes the program: same pid, its words, none of what Node left behind', () => {
  const program = script(
    'program',
    `echo "pid $$"; ls -l /proc/self/fd; env; grep ^Sig /proc/self/status; tr '\\0' ' ' <&3`,
  )
  const source = `
    import {execAttach} from '${join(import.meta.dirname, '../../src/native/index.ts')}'
    console.log('node', process.pid)
    execAttach('${program}', Buffer.from('vps-attach\\x001\\0end\\0'))`
  const {stdout, stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  const pid = /^node (\d+)$/m.exec(stdout)?.[1]
  expect(stdout).toMatch(new RegExp(`^pid ${pid}$`, 'm'))
  expect(descriptors(stdout)).toEqual([0, 1, 2, 3])
  const ignored = Number.parseInt(/^SigIgn:\s+([0-9a-f]+)$/m.exec(stdout)?.[1] ?? '', 16)
  expect(ignored & (1 << (constants.signals.SIGPIPE - 1))).toBe(0) // what else is ignored came from the tests' own shell
  expect(stdout).not.toMatch(/^HOME=/m)
  expect(stdout).toContain('vps-attach 1 end')
})

test('a missing native part is said so, with the way out', async () => {
  expect(nativeFile('vps.node')).toMatch(/dist\/native\/vps\.node$/)
})
