import {describe, expect, test} from 'vitest'
import {
  atLeast,
  canIdmap,
  checkHost,
  findCgroup2,
  hostFacts,
  hostPaths,
  parseMounts,
  parseVersion,
  privilegeProblem,
} from '../../src/host/index.ts'
import {missingCapabilities} from '../../src/host/privilege.ts'

describe('kernel versions', () => {
  test.each([
    ['6.1.0-18-amd64', [6, 1]],
    ['5.15.0', [5, 15]],
    ['6.18.44-fc-v769', [6, 18]],
  ] as const)('%s', (text, version) => expect(parseVersion(text)).toEqual(version))

  test('are compared as numbers', () => {
    expect(atLeast([5, 9], [5, 10])).toBe(false)
    expect(atLeast([6, 0], [5, 19])).toBe(true)
    expect(atLeast([5, 19], [5, 19])).toBe(true)
  })

  test('say which file systems can be idmapped', () => {
    expect(canIdmap('ext4', [6, 1])).toBe(true)
    expect(canIdmap('ext4', [5, 15])).toBe(false) // overlayfs over idmapped layers came later
    expect(canIdmap('tmpfs', [6, 1])).toBe(false)
    expect(canIdmap('tmpfs', [6, 3])).toBe(true)
    expect(canIdmap('nfs4', [6, 18])).toBe(false)
  })
})

describe('cgroup2', () => {
  test('a hybrid host has v1 controllers beside it', async () => {
    const mounts = parseMounts(`1 0 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
2 0 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`)
    expect(await findCgroup2(mounts)).toMatchObject({
      mount: '/sys/fs/cgroup/unified',
      pure: false,
      writable: true,
    })
  })

  test('a mount of the whole tree is preferred to one of a part', async () => {
    const mounts = parseMounts(`1 0 0:1 /part /a rw - cgroup2 none rw\n2 0 0:1 / /b ro - cgroup2 none rw\n`)
    expect(await findCgroup2(mounts)).toMatchObject({mount: '/b', pure: true, writable: false})
  })

  test('may be missing', async () => expect(await findCgroup2([])).toBeNull())
})

describe('privilege', () => {
  test('missing capabilities are named', () => {
    expect(missingCapabilities('CapEff:\t000001ffffffffff\n')).toEqual([])
    expect(missingCapabilities('CapEff:\t000001ffffdfffff\n')).toEqual(['CAP_SYS_ADMIN'])
    expect(missingCapabilities('CapEff:\t0000000000000000\n')).toContain('CAP_CHOWN')
  })

  test('is explained', () => {
    expect(privilegeProblem({euid: 0, missing: []})).toBeUndefined()
    expect(privilegeProblem({euid: 1000, missing: []})).toBe('this needs root, and this is user id 1000')
    expect(privilegeProblem({euid: 0, missing: ['CAP_SYS_ADMIN']})).toContain('CAP_SYS_ADMIN')
  })
})

describe('this host', () => {
  test('is examined without a change and without root', async () => {
    const facts = await hostFacts(hostPaths('/tmp/vps-nowhere'))
    expect(facts.kernelVersion[0]).toBeGreaterThan(3)
    expect(facts.varMount.target).toMatch(/^\//)
  })

  test('every check says what was found, and a bad one how to fix it', async () => {
    const checks = await checkHost(hostPaths('/tmp/vps-nowhere'))
    expect(new Set(checks.map(({id}) => id)).size).toBe(checks.length)
    for (const {state, found, fix} of checks) {
      expect(found).not.toBe('')
      expect(fix === '').toBe(state === 'ok')
    }
  })
})
