import {describe, expect, test} from 'vitest'
import type {Origin} from '../../src/definition/index.ts'
import {lackOf} from '../../src/server/lack.ts'
import type {Fault} from '../../src/server/report.ts'

const origin: Origin = {file: '/etc/vps/servers/web1.yaml', line: 3, column: 5, key: 'resources.io.latency'}
const steps = [
  {op: 'cgroup-write', origin, arguments: ['server', 'io.latency', '254:0 target=10000', '']},
  {op: 'cgroup-write', origin: null, arguments: ['payload', 'cgroup.max.depth', '64', '64']},
  {op: 'devices', origin: null, arguments: []},
]
const ENOENT = 2
const EINVAL = 22
const lackAfter = (step: number, op: string, syscall: string, errno: number): string | undefined => {
  const fault: Fault = {step, op, syscall, errno, origin: '', path: ''}
  return lackOf({fault}, {steps})
}

describe('what a start found the kernel not to have', () => {
  test('is the file of a limit that is not there', () => {
    expect(lackAfter(0, 'cgroup-write', 'write', ENOENT)).toBe('io.latency')
  })

  test('is the guard of devices', () => {
    expect(lackAfter(2, 'devices', 'bpf BPF_PROG_LOAD', EINVAL)).toBe('devices')
    expect(lackAfter(2, 'devices', 'bpf BPF_PROG_ATTACH', EINVAL)).toBe('devices')
  })

  test('is what its starter saw missing in the scope', () => {
    expect(lackOf({missing: 'io.latency'}, {steps})).toBe('io.latency')
  })

  test('is nothing when a value was refused, the plan is wrong, or the step is not of a key', () => {
    expect(lackAfter(0, 'cgroup-write', 'write', EINVAL)).toBeUndefined()
    expect(lackAfter(1, 'cgroup-write', 'write', ENOENT)).toBeUndefined()
    expect(lackAfter(2, 'devices', 'plan', EINVAL)).toBeUndefined()
    expect(lackAfter(-1, 'root', 'mount', ENOENT)).toBeUndefined()
    expect(lackOf({}, {steps})).toBeUndefined()
  })
})
