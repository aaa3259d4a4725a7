import {describe, expect, test} from 'vitest'
import type {Origin} from '../../src/definition/index.ts'
import type {VpsError} from '../../src/errors.ts'
import {describeErrno, StartFault, startError} from '../../src/server/fault.ts'
import {type Fault, parseReport} from '../../src/server/report.ts'

const origin: Origin = {file: '/etc/vps/servers/web1.yaml', line: 14, column: 5, key: 'mounts[2].source'}
const plan = {
  steps: [
    {op: 'cgroup', origin: null, arguments: []},
    {op: 'bind', origin, arguments: ['/srv/data', '/data', '']},
  ],
}
const fault = (changes: Partial<Fault>): Fault => ({
  step: 1,
  op: 'bind',
  syscall: 'open_tree',
  errno: 2,
  origin: '',
  path: '/srv/data',
  ...changes,
})
const causeOf = (error: VpsError): StartFault => {
  if (!(error.cause instanceof StartFault)) throw new Error('no fault')
  return error.cause
}

describe('a fault', () => {
  test('leads to the line of the definition, with step, system call and errno', () => {
    const error = startError('web1', fault({}), plan)
    expect(error).toMatchObject({code: 'START_FAILED', exitCode: 1, message: 'cannot start server web1'})
    expect(causeOf(error).message).toBe(
      'web1.yaml:14:5 mounts[2].source: /srv/data: No such file or directory (bind: open_tree, ENOENT)',
    )
    expect(error.suggestions).toEqual(['create /srv/data on the host, or set `optional: true` on the mount'])
    expect(causeOf(error)).toMatchObject({
      op: 'bind',
      syscall: 'open_tree',
      code: 'ENOENT',
      path: '/srv/data',
      origin,
    })
  })

  test('of a limit says what was asked and what is, and the way out', () => {
    const limits = {
      steps: [
        {op: 'cgroup-write', origin: {...origin, key: 'resources.memory.limit'}, arguments: []},
        {op: 'devices', origin: null, arguments: []},
      ],
    }
    const path = 'memory.max: asked 1073741000, is 1073737728'
    const memory = {step: 0, op: 'cgroup-write', syscall: 'read back', errno: 34, path}
    const error = startError('web1', fault(memory), limits)
    expect(causeOf(error).message).toBe(
      'web1.yaml:14:5 resources.memory.limit: memory.max: asked 1073741000, is 1073737728 (cgroup-write: read back)',
    )
    expect(error.suggestions).toEqual(['give resources.memory.limit a value that the kernel keeps as it is'])
    const controller = {op: 'controllers', syscall: 'write', path: 'cgroup.subtree_control: asked +io'}
    expect(startError('web1', fault(controller), limits).suggestions).toContainEqual(
      expect.stringContaining('no controller io'),
    )
    const devices = {op: 'devices', syscall: 'bpf BPF_PROG_LOAD', errno: 22, path: ''}
    expect(startError('web1', fault(devices), limits).suggestions).toContainEqual(
      expect.stringContaining('`--allow-unenforced`'),
    )
  })

  test('of a step of our own names no line', () => {
    const error = startError(
      'web1',
      fault({step: 0, op: 'cgroup', syscall: 'mkdir', errno: 28, path: '/sys/x'}),
      plan,
    )
    expect(causeOf(error).message).toBe('/sys/x: No space left on device (cgroup: mkdir, ENOSPC)')
  })

  test('in no step, without a path', () => {
    const error = startError('web1', fault({step: -1, op: '', syscall: 'clone3', errno: 11, path: ''}), plan)
    expect(causeOf(error).message).toBe('Resource temporarily unavailable (clone3, EAGAIN)')
    expect(error.suggestions).toEqual(['raise kernel.pid_max or kernel.threads-max'])
  })

  test.each([
    ['exec', 'execveat', 2, /check `init`/],
    ['bind', 'mount_setattr MOUNT_ATTR_IDMAP', 22, /noidmap/],
    ['network-namespace', 'unshare CLONE_NEWNET', 28, /namespaces/],
    ['overlay', 'fsopen', 19, /vps doctor/],
  ])('%s: %s %d suggests a way out', (op, syscall, errno, pattern) => {
    const error = startError('web1', fault({step: 0, op, syscall, errno}), plan)
    expect(error.suggestions.join('\n')).toMatch(pattern)
  })

  test('with a number that no one knows still says it', () => {
    expect(describeErrno(2)).toEqual({name: 'ENOENT', text: 'No such file or directory'})
    expect(describeErrno(9999)).toEqual({name: 'errno 9999', text: 'Error 9999'})
  })
})

describe('a report', () => {
  test('is read line by line', () => {
    const lines = ['phase\tcgroup\t97', 'phase\trootfs\t2392', 'started\t3063\t3066', 'ready\t3066']
    expect(parseReport(lines)).toEqual({
      phases: [
        {name: 'cgroup', microseconds: 97},
        {name: 'rootfs', microseconds: 2392},
      ],
      started: {supervisor: 3063, init: 3066},
      ready: true,
    })
  })

  test('with a fault', () => {
    const report = parseReport(['fault\t1\tbind\topen_tree\t2\tweb1.yaml:14:5 mounts[2].source\t/srv/data'])
    expect(report.started).toBeUndefined()
    expect(report.fault).toEqual(fault({origin: 'web1.yaml:14:5 mounts[2].source'}))
  })

  test('that just ends has neither', () => {
    expect(parseReport([])).toEqual({phases: [], ready: false})
  })

  test('lines of a later version are passed over', () => {
    expect(parseReport(['weather\tfine', 'started\t1\t2']).started).toEqual({supervisor: 1, init: 2})
  })
})
