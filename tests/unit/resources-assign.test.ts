import {describe, expect, test} from 'vitest'
import {assignCpus, type CpuClaim, NoCpus, reassigned} from '../../src/resources/index.ts'

const nodes = [
  {node: 0, cpus: [0, 1, 2, 3]},
  {node: 1, cpus: [4, 5, 6, 7]},
]
const host = {cpus: [0, 1, 2, 3, 4, 5, 6, 7], nodes}
const none = {cores: null, cpus: null, dedicated: null}

const claim = (kind: CpuClaim['kind'], ...cpus: number[]): CpuClaim => ({kind, cpus})
const cores = (count: number, ...others: CpuClaim[]) => assignCpus({...none, cores: count}, host, others)
const dedicated = (count: number, ...others: CpuClaim[]) =>
  assignCpus({...none, dedicated: count}, host, others)

describe('cores', () => {
  test('are those that the fewest servers are on, of one node', () => {
    expect(cores(2)).toEqual({cpus: '0-1', mems: null})
    expect(cores(2, claim('cores', 0, 1))).toEqual({cpus: '2-3', mems: null})
    expect(cores(2, claim('cores', 0, 1), claim('cores', 2, 3))).toEqual({cpus: '4-5', mems: null})
    expect(cores(3, claim('cores', 0, 1))).toEqual({cpus: '4-6', mems: null})
    expect(cores(6)).toEqual({cpus: '0-5', mems: null})
  })

  test('are never those that another has for itself', () => {
    expect(cores(4, claim('dedicated', 0, 1))).toEqual({cpus: '4-7', mems: null})
    expect(() => cores(7, claim('dedicated', 0, 1))).toThrow('only 6 CPUs are left')
  })
})

describe('dedicated cores', () => {
  test('come with the memory of their node', () => {
    expect(dedicated(2)).toEqual({cpus: '0-1', mems: '0'})
    expect(dedicated(2, claim('dedicated', 0, 1, 2))).toEqual({cpus: '4-5', mems: '1'})
    expect(dedicated(6)).toEqual({cpus: '0-5', mems: null})
  })

  test('leave room for large wishes: of equally quiet nodes the fuller one', () => {
    expect(dedicated(2, claim('dedicated', 4, 5))).toEqual({cpus: '6-7', mems: '1'})
  })

  test('keep off what others pinned, and leave one CPU to all', () => {
    expect(dedicated(4, claim('pinned', 1))).toEqual({cpus: '4-7', mems: '1'})
    expect(() => dedicated(8)).toThrow('one CPU must stay for all others')
    expect(() => dedicated(2, claim('dedicated', 0, 1, 2, 3, 4, 5, 6))).toThrow(NoCpus)
  })

  test('of a host of one node name no node', () => {
    const small = {cpus: [0, 1], nodes: [{node: 0, cpus: [0, 1]}]}
    expect(assignCpus({...none, dedicated: 1}, small, [])).toEqual({cpus: '0', mems: null})
  })
})

test('pinned CPUs may overlap with all but those of somebody alone', () => {
  const pin = (...others: CpuClaim[]) => assignCpus({...none, cpus: '0-2'}, host, others)
  expect(pin(claim('cores', 0), claim('pinned', 1))).toEqual({cpus: '0-2', mems: null})
  expect(() => pin(claim('dedicated', 2, 3))).toThrow('another server has CPU 2 for itself alone')
})

test('a server that asks for nothing gets what is shared, all as a rule', () => {
  expect(assignCpus(none, host, [claim('cores', 0)])).toEqual({cpus: null, mems: null})
  expect(assignCpus(none, host, [claim('dedicated', 0, 1)])).toEqual({cpus: '2-7', mems: null})
})

describe('when others come and go', () => {
  const two = {...none, cores: 2}

  test('a server keeps what is still shared, and gets as much as it lost', () => {
    expect(reassigned(claim('cores', 0, 1), two, host, [])).toBe('0-1')
    expect(reassigned(claim('cores', 0, 1), two, host, [claim('dedicated', 1, 2)])).toBe('0,3')
    expect(reassigned(claim('cores', 3), two, host, [])).toBe('0,3')
  })

  test('one that asks for none has all that is shared, and all again in the end', () => {
    expect(reassigned(claim('shared'), none, host, [claim('dedicated', 0, 1)])).toBe('2-7')
    expect(reassigned(claim('shared', 2, 3), none, host, [])).toBe('0-7')
    expect(reassigned(claim('shared'), none, host, [])).toBe('')
  })

  test('pinned and dedicated ones stay', () => {
    expect(reassigned(claim('pinned', 5), {...none, cpus: '5'}, host, [claim('dedicated', 4)])).toBe('5')
  })
})
