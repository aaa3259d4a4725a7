import {describe, expect, test} from 'vitest'
import {parseDefinition, requireValid} from '../../src/definition/index.ts'
import {desiredLimits, type ResourceFacts} from '../../src/resources/index.ts'

const GIB = 1024 ** 3

/** A host of two nodes, pure v2, ext4 on one disk with mq-deadline. */
function host(more: Partial<ResourceFacts> = {}): ResourceFacts {
  return {
    cgroups: {
      mount: '/sys/fs/cgroup',
      parent: '/sys/fs/cgroup/vps',
      pure: true,
      systemd: false,
      directory: name => `/sys/fs/cgroup/vps/${name}`,
      serverOf: entry => entry,
    },
    controllers: {
      available: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'],
      v1: {},
      disabled: [],
      built: [],
    },
    cpus: [0, 1, 2, 3],
    nodes: [
      {node: 0, cpus: [0, 1]},
      {node: 1, cpus: [2, 3]},
    ],
    memoryBytes: 4 * GIB,
    pageSize: 4096,
    files: new Set(),
    missing: new Set(),
    storage: {
      path: '/var/lib/vps/servers/web1',
      fileSystem: 'ext4',
      devices: [{number: '254:0', name: 'vda'}],
      disks: [{number: '254:0', name: 'vda', scheduler: 'mq-deadline'}],
      problem: null,
    },
    devices: new Map(),
    costModels: new Set(),
    ineffective: new Set(),
    hugepages: new Map([
      ['2MB', 2 * 1024 ** 2],
      ['1GB', GIB],
    ]),
    rdma: ['mlx5_0'],
    misc: ['sev'],
    ...more,
  }
}

const wanted = (resources: string, facts = host(), assignment?: {cpus: string | null; mems: string | null}) =>
  desiredLimits(
    requireValid(
      parseDefinition(`{name: web1, template: host, resources: ${resources}}`, {file: 'web1.yaml'}),
    ),
    facts,
    assignment,
  )

/** `payload memory.max 4096`, as the kernel is told. */
const writes = (...words: Parameters<typeof wanted>): string[] => {
  const {limits, unenforceable} = wanted(...words)
  expect(unenforceable).toEqual([])
  return limits.map(({group, file, value}) => `${group} ${file} ${value}`)
}

const refusals = (...words: Parameters<typeof wanted>): string[] =>
  wanted(...words).unenforceable.map(
    ({key, controller, reason}) => `${key.join('.')} ${controller}: ${reason}`,
  )

describe('what the cgroup files are told', () => {
  test('nothing for a definition that asks for nothing', () => {
    expect(wanted('{}')).toMatchObject({limits: [], unenforceable: []})
  })

  test('processors', () => {
    expect(writes('{cpu: {limit: 1.5, burst: 0.5}}')).toEqual([
      'payload cpu.max 150000 100000',
      'payload cpu.max.burst 50000',
    ])
    expect(writes('{cpu: {limit: 150%}}')).toEqual(['payload cpu.max 150000 100000'])
    expect(writes('{cpu: {weight: 200}}')).toEqual(['server cpu.weight 200'])
    expect(writes('{cpu: {weight: idle}}')).toEqual(['server cpu.idle 1'])
    expect(writes('{cpu: {cpus: "0-1,3"}}')).toEqual(['payload cpuset.cpus 0-1,3'])
    expect(writes('{cpu: {cores: 2}}', host(), {cpus: '2-3', mems: null})).toEqual([
      'payload cpuset.cpus 2-3',
    ])
    expect(writes('{cpu: {dedicated: 2}}', host(), {cpus: '2-3', mems: '1'})).toEqual([
      'payload cpuset.cpus 2-3',
      'payload cpuset.mems 1',
    ])
    expect(writes('{}', host(), {cpus: '0-2', mems: null})).toEqual(['payload cpuset.cpus 0-2'])
  })

  test('memory in whole pages, protection on both levels', () => {
    expect(
      writes(
        '{memory: {limit: 1000001kB, high: 900MiB, guarantee: 256MiB, reserve: 512MiB, swap: 0, oomGroup: true}}',
      ),
    ).toEqual([
      'payload memory.high 943718400',
      `payload memory.max ${Math.floor(1_000_001_000 / 4096) * 4096}`,
      'payload memory.swap.max 0',
      'payload memory.oom.group 1',
      'server memory.min 268435456',
      'server memory.low 536870912',
      'payload memory.min 268435456',
      'payload memory.low 536870912',
    ])
    expect(writes('{memory: {swap: none}}')).toEqual(['payload memory.swap.max 0'])
    expect(writes('{memory: {swap: max}}')).toEqual(['payload memory.swap.max max'])
    expect(writes('{memory: {limit: 100MiB}}', host({pageSize: 65536}))).toEqual([
      'payload memory.max 104857600',
    ])
  })

  test('the rest', () => {
    expect(writes('{pids: 500}')).toEqual(['payload pids.max 500'])
    expect(writes('{hugepages: {2MiB: 4MiB, 1GiB: 2GiB}}')).toEqual([
      'payload hugetlb.2MB.max 4194304',
      'payload hugetlb.1GB.max 2147483648',
    ])
    expect(writes('{rdma: {mlx5_0: {handles: 2}}}')).toEqual([
      'payload rdma.max mlx5_0 hca_handle=2 hca_object=max',
    ])
    expect(writes('{misc: {sev: 3}}')).toEqual(['payload misc.max sev 3'])
  })

  test('a disk, one line for all of its ceilings', () => {
    expect(writes('{io: {read: {iops: 500}, write: {bps: 50MiB, iops: 2000}}}')).toEqual([
      'payload io.max 254:0 rbps=max wbps=52428800 riops=500 wiops=2000',
    ])
    expect(writes('{io: {latency: 10ms}}')).toEqual(['server io.latency 254:0 target=10000'])
  })

  test('every device of a btrfs of several', () => {
    const storage = {
      ...host().storage,
      fileSystem: 'btrfs',
      devices: [
        {number: '8:0', name: 'sda'},
        {number: '8:16', name: 'sdb'},
      ],
    }
    expect(writes('{io: {read: {bps: 1MiB}}}', host({storage}))).toEqual([
      'payload io.max 8:0 rbps=1048576 wbps=max riops=max wiops=max',
      'payload io.max 8:16 rbps=1048576 wbps=max riops=max wiops=max',
    ])
  })

  test('a device that is named adds to the storage, and wins where it is the same', () => {
    const backing = host().storage
    const devices = new Map([
      ['/dev/vda', backing],
      ['/srv', {...backing, path: '/srv', devices: [{number: '8:0', name: 'sda'}]}],
    ])
    expect(
      writes(
        '{io: {read: {bps: 1MiB}, devices: [{device: /dev/vda, read: {bps: 2MiB}}, {device: /srv, write: {iops: 9}}]}}',
        host({devices}),
      ),
    ).toEqual([
      'payload io.max 254:0 rbps=2097152 wbps=max riops=max wiops=max',
      'payload io.max 8:0 rbps=max wbps=max riops=max wiops=9',
    ])
  })

  test('a weight goes to whoever weighs: bfq, or the cost model', () => {
    const bfq = {...host().storage, disks: [{number: '254:0', name: 'vda', scheduler: 'bfq'}]}
    expect(wanted('{io: {weight: 200}}', host({storage: bfq})).limits).toMatchObject([
      {group: 'server', file: 'io.bfq.weight', value: '200', expect: 'default 200'},
    ])
    expect(writes('{io: {weight: 200}}', host({costModels: new Set(['254:0'])}))).toEqual([
      'server io.weight default 200',
    ])
    expect(refusals('{io: {weight: 2000}}', host({storage: bfq}))).toEqual([
      'resources.io.weight io: the bfq scheduler knows weights up to 1000',
    ])
  })
})

describe('what a host cannot keep is named, each by its key', () => {
  test('controllers that v1 holds, all at once', () => {
    const controllers = {
      available: ['hugetlb'],
      v1: {cpu: '/sys/fs/cgroup/cpu', memory: '/sys/fs/cgroup/memory', io: ''},
      disabled: [],
      built: ['cpu', 'memory', 'io', 'pids', 'hugetlb'],
    }
    expect(
      refusals(
        '{cpu: {limit: 1}, memory: {limit: 1GiB}, pids: 5, io: {read: {bps: 1MiB}}, hugepages: {2MiB: 2MiB}, misc: {sev: 1}}',
        host({controllers}),
      ),
    ).toEqual([
      'resources.cpu.limit cpu: cgroup v1 holds the cpu controller (/sys/fs/cgroup/cpu)',
      'resources.memory.limit memory: cgroup v1 holds the memory controller (/sys/fs/cgroup/memory)',
      'resources.pids pids: the cgroup2 that vps sees was not given the pids controller',
      'resources.io.read.bps io: cgroup v1 holds the io controller',
      'resources.misc.sev misc: the kernel has no misc controller',
    ])
  })

  test('a controller that was turned off at boot', () => {
    const controllers = {available: ['cpu'], v1: {}, disabled: ['memory'], built: ['cpu', 'memory']}
    const {unenforceable} = wanted('{memory: {limit: 1GiB}}', host({controllers}))
    expect(unenforceable).toMatchObject([
      {
        reason: 'the memory controller is turned off',
        remedy: expect.stringContaining('cgroup_disable=memory'),
      },
    ])
  })

  test('files that the kernel does not have', () => {
    const files = new Set(['memory.max', 'memory.high', 'cpu.weight', 'cpu.max'])
    expect(refusals('{cpu: {weight: idle}, memory: {limit: 1GiB, swap: 0}}', host({files}))).toEqual([
      'resources.cpu.weight cpu: the kernel has no cpu.idle',
      'resources.memory.swap memory: the kernel has no memory.swap.max',
    ])
  })

  test('more processors than there are', () => {
    expect(refusals('{cpu: {cores: 8}}')).toEqual(['resources.cpu.cores cpuset: the host has 4 CPUs (0-3)'])
    expect(refusals('{cpu: {cpus: "3-5"}}')).toEqual([
      'resources.cpu.cpus cpuset: the host has no CPU 4-5 (it has 0-3)',
    ])
  })

  test('storage without a device, and a page cache that is nobody’s', () => {
    const tmpfs = {
      path: '/s',
      fileSystem: 'tmpfs',
      devices: [],
      disks: [],
      problem: '/s is on tmpfs, which has no block device',
    }
    expect(
      refusals(
        '{io: {weight: 5, latency: 5ms, read: {bps: 1MiB}, write: {iops: 5}}}',
        host({storage: tmpfs}),
      ),
    ).toEqual(
      ['read.bps', 'write.iops', 'latency', 'weight'].map(key => `resources.io.${key} io: ${tmpfs.problem}`),
    )
    const ntfs = {...host().storage, fileSystem: 'ntfs3'}
    const {limits, unenforceable} = wanted(
      '{io: {read: {bps: 1MiB}, write: {bps: 1MiB}}}',
      host({storage: ntfs}),
    )
    expect(limits).toMatchObject([{value: '254:0 rbps=1048576 wbps=max riops=max wiops=max'}])
    expect(unenforceable).toMatchObject([
      {key: ['resources', 'io', 'write', 'bps'], reason: expect.stringContaining('ntfs3 does not say')},
    ])
  })

  test('a file that a start found missing, in the same words as one that is known to be', () => {
    const known = host({files: new Set(['io.stat', 'io.max'])})
    for (const facts of [host({missing: new Set(['io.latency'])}), known])
      expect(refusals('{io: {latency: 10ms}}', facts)).toEqual([
        'resources.io.latency io: the kernel has no io.latency',
      ])
    expect(refusals('{io: {latency: 10ms}}')).toEqual([])
  })

  test('a device on which a ceiling was tried in vain', () => {
    expect(refusals('{io: {read: {bps: 1MiB}}}', host({ineffective: new Set(['254:0'])}))).toEqual([
      'resources.io.read.bps io: io.max has no effect on vda: a ceiling was tried and did not hold',
    ])
  })

  test('a weight that nobody weighs', () => {
    expect(refusals('{io: {weight: 200}}')).toEqual([
      'resources.io.weight io: nothing weighs requests on vda (scheduler mq-deadline)',
    ])
  })

  test('what the machine does not have', () => {
    expect(refusals('{hugepages: {32MiB: 32MiB}, rdma: {hfi1: {objects: 1}}, misc: {tdx: 1}}')).toEqual([
      'resources.hugepages.32MiB hugetlb: the host has no huge pages of 32MiB',
      'resources.rdma.hfi1 rdma: the host has no RDMA device hfi1',
      'resources.misc.tdx misc: the host has nothing called tdx to share',
    ])
  })
})
