import {describe, expect, test} from 'vitest'
import {ExitCode, VpsError} from '../../src/errors.ts'
import {nearest} from '../../src/nearest.ts'
import {
  bytes,
  duration,
  environmentOf,
  errorJson,
  exitCodeOf,
  exitCodeOfMany,
  fields,
  forEachName,
  manyJson,
  type Paint,
  paintFor,
  parameters,
  plain,
  progressLine,
  renderError,
  since,
  splitWords,
  table,
  toJson,
  wrap,
} from '../../src/ui/index.ts'

test('an answer in JSON may have numbers that JSON has no type for', () => {
  expect(toJson({bytes: [1n, 2]})).toBe('{\n  "bytes": [\n    1,\n    2\n  ]\n}\n')
  expect(toJson([])).toBe('[]\n')
})

describe('errors', () => {
  const fault = new Error("ENOENT: no such file or directory, open '/srv/data'")
  const error = new VpsError('START_FAILED', 'cannot start server web1', {
    cause: new Error('web1.yaml:14:5 mounts[0].source', {cause: fault}),
    suggestions: ['create the directory'],
    exitCode: ExitCode.wrongState,
  })

  test('a sentence, the causes, the ways out', () => {
    expect(renderError(error)).toBe(
      [
        'vps: cannot start server web1',
        '  because web1.yaml:14:5 mounts[0].source',
        '  because /srv/data: no such file or directory (ENOENT)',
        '  try create the directory',
      ].join('\n'),
    )
  })

  test('for programs', () => {
    expect(errorJson(error)).toEqual({
      code: 'START_FAILED',
      message: 'cannot start server web1',
      causes: ['web1.yaml:14:5 mounts[0].source', '/srv/data: no such file or directory (ENOENT)'],
      suggestions: ['create the directory'],
      exitCode: 4,
    })
  })

  test('a bug shows where it is', () => {
    const bug = new TypeError('x is not a function')
    expect(renderError(bug)).toContain('this is a bug of vps')
    expect(renderError(bug)).toContain('ui.test.ts')
    expect(errorJson(bug).code).toBe('BUG')
    expect(exitCodeOf(bug)).toBe(1)
  })

  test('something that is no error', () => {
    expect(renderError('boom')).toBe('vps: boom')
    expect(renderError(undefined)).toBe('vps: undefined')
  })

  test('suggestions of causes are kept, each once', () => {
    const outer = new VpsError('A', 'a', {
      cause: new VpsError('B', 'b', {suggestions: ['x', 'y']}),
      suggestions: ['x'],
    })
    expect(errorJson(outer).suggestions).toEqual(['x', 'y'])
  })
})

describe('tables', () => {
  const columns = [
    {title: 'NAME', value: (row: readonly string[]) => row[0] ?? ''},
    {title: 'N', value: (row: readonly string[]) => row[1] ?? '', right: true},
    {title: 'LAST', value: (row: readonly string[]) => row[2] ?? ''},
  ]

  test('columns fit their widest cell, nothing trails', () => {
    const text = table(
      [
        ['a', '1', ''],
        ['longer', '100', 'z'],
      ],
      columns,
      plain,
    )
    expect(text).toBe('NAME      N  LAST\na         1  -\nlonger  100  z')
  })

  test('colour does not count as width', () => {
    const loud: Paint = (_style, text) => `\u001b[31m${text}\u001b[39m`
    const [, first = '', second = ''] = table(
      [
        ['a', '1', 'x'],
        ['bb', '2', 'y'],
      ],
      columns,
      plain,
    ).split('\n')
    const painted = table(
      [
        [loud('bad', 'a'), '1', 'x'],
        ['bb', '2', 'y'],
      ],
      columns,
      plain,
    ).split('\n')
    expect(painted[1]).toBe(first.replace('a', loud('bad', 'a')))
    expect(painted[2]).toBe(second)
  })

  test('what a guest says cannot move the cursor', () => {
    const text = table([['a\u001b[2Jb\r\nc\u0007', '1', '']], columns, plain)
    expect(text).toContain('a?[2Jb??c?')
  })

  test('fields leave out what is not known', () => {
    expect(
      fields(
        [
          ['a', 'x'],
          ['longer', undefined],
          ['b', ''],
          ['lon', '1\n2'],
        ],
        plain,
      ),
    ).toBe('a    x\nlon  1\n     2')
  })
})

describe('words and numbers', () => {
  test.each([
    [0, '0ms'],
    [999, '999ms'],
    [1000, '1s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [3_661_000, '1h 1m'],
    [90_061_000, '1d 1h'],
    [86_400_000 + 1000, '1d'],
  ])('%d ms are %s', (input, text) => expect(duration(input)).toBe(text))

  test('since', () => {
    const now = Date.parse('2026-01-01T00:01:00Z')
    expect(since('2026-01-01T00:00:00Z', now)).toBe('1m')
    expect(since('2026-01-01T00:02:00Z', now)).toBe('0ms')
    expect(since(null, now)).toBe('')
    expect(since('never', now)).toBe('')
  })

  test.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [1_572_864, '1.5MiB'],
    [5 * 1024 ** 4, '5TiB'],
    [5000 * 1024 ** 4, '5000TiB'],
  ])('%d bytes are %s', (input, text) => expect(bytes(input)).toBe(text))

  test('wrap breaks at spaces and keeps laid out lines', () => {
    expect(wrap('one two three four five six', 20, 2)).toBe('one two three four\n  five six')
    expect(wrap('  # a line that its author laid out as it is', 20, 0)).toBe(
      '  # a line that its author laid out as it is',
    )
    expect(wrap('a\n\nb', 20, 2)).toBe('a\n\n  b')
  })

  test('nearest', () => {
    expect(nearest('strat', ['start', 'stop', 'restart'])).toBe('start')
    expect(nearest('lst', ['list', 'logs'])).toBe('list')
    expect(nearest('exe', ['exec', 'enter'])).toBe('exec')
    expect(nearest('zzzz', ['list', 'logs'])).toBeUndefined()
  })
})

describe('splitting the words of exec', () => {
  const flags = {user: {type: 'option'}, tty: {type: 'boolean', char: 't'}, file: {type: 'option', char: 'f'}}
  test.each([
    ['web1 -- ls -l', ['web1'], ['ls', '-l']],
    ['web1 ls -l', ['web1'], ['ls', '-l']],
    ['web1 --user www -t -- ls', ['web1', '--user', 'www', '-t'], ['ls']],
    ['web1 --user www ls --user x', ['web1', '--user', 'www'], ['ls', '--user', 'x']],
    ['--user=www web1 ls', ['--user=www', 'web1'], ['ls']],
    ['-f x web1 ls', ['-f', 'x', 'web1'], ['ls']],
    ['-fx web1 ls', ['-fx', 'web1'], ['ls']],
    ['-t web1 -- -- x', ['-t', 'web1'], ['--', 'x']],
    ['web1 -', ['web1'], ['-']],
    ['web1', ['web1'], []],
    ['-- ls', [], ['ls']],
  ])('%s', (line, own, command) => {
    expect(splitWords(line.split(' '), flags, 1)).toEqual({own, command})
  })
  test('run has no word of its own', () => {
    expect(splitWords(['-t', 'ls', '-t'], flags, 0)).toEqual({own: ['-t'], command: ['ls', '-t']})
  })
})

describe('values of flags', () => {
  test('parameters are YAML', async () => {
    expect(await parameters(['suite=trixie', 'packages=[nginx, curl]', 'n=5'])).toEqual({
      suite: 'trixie',
      packages: ['nginx', 'curl'],
      n: 5,
    })
    for (const word of ['a', '=1', ''])
      await expect(parameters([word])).rejects.toThrow('is not parameter=value')
  })

  test('environment', () => {
    expect(environmentOf(['A=1', 'B=', 'C=x=y'])).toEqual({A: '1', B: '', C: 'x=y'})
    expect(() => environmentOf(['A'])).toThrow('--env takes NAME=VALUE')
  })
})

describe('many servers', () => {
  test('all are tried, few at once, in order in the end', async () => {
    let running = 0
    let most = 0
    const told: string[] = []
    const outcomes = await forEachName(
      ['a', 'b', 'c', 'd', 'e'],
      async name => {
        most = Math.max(most, ++running)
        await new Promise(resolve => setTimeout(resolve, name === 'a' ? 30 : 5))
        running--
        if (name === 'b' || name === 'd') {
          throw new VpsError('X', `no ${name}`, {
            exitCode: name === 'b' ? ExitCode.noSuchServer : ExitCode.failed,
          })
        }
        return {did: name}
      },
      outcome => {
        told.push(outcome.name)
      },
      2,
    )
    expect(most).toBe(2)
    expect(told).toHaveLength(5)
    expect(told[0]).toBe('b')
    expect(exitCodeOfMany(outcomes)).toBe(3)
    expect(manyJson(outcomes)).toMatchObject([
      {name: 'a', ok: true, did: 'a'},
      {name: 'b', ok: false, error: {code: 'X', exitCode: 3}},
      {name: 'c', ok: true},
      {name: 'd', ok: false},
      {name: 'e', ok: true},
    ])
  })

  test('none', async () => {
    expect(
      await forEachName(
        [],
        async () => ({}),
        () => {},
      ),
    ).toEqual([])
    expect(exitCodeOfMany([])).toBe(0)
  })
})

describe('a terminal', () => {
  const terminal = {isTTY: true}
  test('is coloured unless it is forbidden', () => {
    expect(paintFor(terminal, {})('bad', 'x')).toBe('\u001b[31mx\u001b[39m')
    expect(paintFor(terminal, {})('bad', '')).toBe('')
    expect(paintFor(terminal, {NO_COLOR: '1'})('bad', 'x')).toBe('x')
    expect(paintFor(terminal, {NO_COLOR: ''})('bad', 'x')).not.toBe('x')
    expect(paintFor(terminal, {TERM: 'dumb'})('bad', 'x')).toBe('x')
    expect(paintFor({isTTY: false}, {})('bad', 'x')).toBe('x')
  })

  const recorder = (isTTY: boolean) => {
    const written: string[] = []
    return {isTTY, columns: 20, written, write: (text: string) => written.push(text)}
  }

  test('shows progress only when it takes long', async () => {
    const stream = recorder(true)
    const progress = progressLine(stream, 20)
    progress.report('building')
    expect(stream.written).toEqual([])
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(stream.written).toEqual(['\r\u001b[Kbuilding'])
    progress.report('a line that is too long for it\nand the last \u001b[2Jof two')
    expect(stream.written.at(-1)).toBe('\r\u001b[Kand the last [2Jof ')
    progress.end()
    expect(stream.written.at(-1)).toBe('\r\u001b[K')
    progress.report('late')
    expect(stream.written).toHaveLength(3)
  })

  test('a quick verb and a pipe stay silent', async () => {
    const quick = recorder(true)
    const progress = progressLine(quick, 20)
    progress.report('x')
    progress.end()
    const pipe = recorder(false)
    const other = progressLine(pipe, 0)
    other.report('x')
    await new Promise(resolve => setTimeout(resolve, 60))
    other.end()
    expect([...quick.written, ...pipe.written]).toEqual([])
  })
})
