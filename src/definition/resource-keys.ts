/*
 * The keys below `resources` and the other keys that bound a server, for `schema.ts`. What the kernel is told for each is
 * the business of `src/resources`.
 */
import * as check from './checks.ts'
import {MAX_CPUS} from './cpu-list.ts'
import {
  bytes,
  choice,
  cpus,
  duration,
  flag,
  group,
  key,
  list,
  optional,
  required,
  rlimit,
  section,
  table,
  text,
  whole,
  worded,
} from './kinds.ts'
import {RLIMITS} from './rlimits.ts'
import {SYSCTL_PATTERN, sysctlComplaint} from './sysctls.ts'

const MINUTE = 60_000
const MIB = 1024 ** 2
const TIB = 1024 ** 4

/** PID_MAX_LIMIT of a 64-bit kernel. */
const MAX_PIDS = 4_194_304
/** The kernel counts operations in 32 bits (io.max). */
const MAX_IOPS = 4_294_967_294
/** cpu.weight and io.weight (cgroup-v2.rst); 100 is what everybody has. */
const weight = whole(1, 10_000)
const amount = bytes(MIB, 1024 * TIB)
const share = bytes(0, 1024 * TIB)

const cpu = section({
  cores: optional(whole(1, MAX_CPUS), {
    says: 'How many processors the server sees and may use. `vps` chooses which, on as few NUMA nodes as possible and where the fewest others are.',
    example: '2',
    change: 'live',
    defaultSays: 'all processors of the host',
    aka: ['count', 'vcpus', 'number', 'vcpu', 'ncpu', 'limits.cpu'],
  }),
  cpus: optional(
    text({
      expected: 'a list of processors such as 0-1,4',
      anyScalar: true,
      check: check.cpuListCheck,
      normalise: check.plainCpuList,
      pattern: check.CPU_LIST_PATTERN,
    }),
    {
      says: 'Exactly which processors the server sees and may use, by their numbers on the host. Instead of `cores`.',
      example: '"0-1,4"',
      change: 'live',
      defaultSays: 'as many as `cores` says, chosen by `vps`',
      aka: ['cpuset', 'cpumask', 'cpuset.cpus', 'AllowedCPUs', 'pin', 'affinity', 'set'],
    },
  ),
  dedicated: optional(whole(1, MAX_CPUS), {
    says: 'How many processors the server has for itself alone: no other server runs on them. Chosen when it starts; the start is refused when not so many are left.',
    example: '2',
    change: 'restart',
    defaultSays: 'none: processors are shared',
    aka: ['dedicated-cpu', 'exclusive', 'isolated', 'reserved'],
  }),
  limit: optional(cpus(0.01, MAX_CPUS), {
    says: 'The most CPU time the server may use, however idle the host is: `1.5` is one and a half processors, which may be spread over more of them. `150%` means the same.',
    example: '1.5',
    change: 'live',
    defaultSays: 'no ceiling',
    aka: [
      'cpulimit',
      'quota',
      'CPUQuota',
      'max',
      'cpu.max',
      'pcpu',
      'capped-cpu',
      'limits.cpu.allowance',
      'cfs_quota_us',
    ],
  }),
  burst: optional(cpus(0.001, MAX_CPUS), {
    says: 'Unused time of `limit` that may be saved up and used on top of it in one go, in CPUs for the length of one period (100 ms). Not more than `limit`.',
    example: '0.5',
    change: 'live',
    defaultSays: 'nothing is saved up',
    aka: ['cpu.max.burst'],
  }),
  weight: optional(worded({idle: 'Only what nobody else wants: any other server comes first.'}, weight), {
    says: 'The share under contention, in relation to the weights of the other servers: one of 200 gets twice the time of one of 100. On an idle host it costs and gives nothing.',
    example: '200',
    change: 'live',
    defaultSays: 'the share of everybody, 100',
    aka: [
      'cpuunits',
      'shares',
      'cpu.shares',
      'cpu_shares',
      'CPUWeight',
      'CPUShares',
      'priority',
      'cpu.weight',
      'limits.cpu.priority',
      'cpu.idle',
    ],
  }),
})

const memory = section({
  limit: optional(amount, {
    says: 'The most memory the server may hold: its programs, its page cache, what the kernel keeps for it. At the limit the server first gives back page cache, then one of its own processes is killed, never one of another server.',
    example: '1GiB',
    change: 'live',
    defaultSays: 'no ceiling',
    aka: [
      'max',
      'memory.max',
      'MemoryMax',
      'MemoryLimit',
      'limit_in_bytes',
      'memory.limit_in_bytes',
      'privvmpages',
      'physpages',
      'ram',
      'mem_limit',
      'limits.memory',
      'memoryuse',
      'capped-memory',
      'size',
      'total',
    ],
  }),
  high: optional(amount, {
    says: 'From here on the server is slowed down and made to give memory back, but nothing is killed. Below `limit`, or instead of it.',
    example: '900MiB',
    change: 'live',
    defaultSays: 'no such mark',
    aka: [
      'memory.high',
      'MemoryHigh',
      'soft',
      'soft_limit',
      'soft_limit_in_bytes',
      'memory.soft_limit_in_bytes',
      'throttle',
    ],
  }),
  guarantee: optional(share, {
    says: 'Memory that is never taken from the server, whatever the others need.',
    example: '256MiB',
    change: 'live',
    defaultSays: 'nothing is guaranteed',
    aka: ['min', 'memory.min', 'MemoryMin', 'vmguarpages', 'oomguarpages', 'guaranteed', 'mem_reservation'],
  }),
  reserve: optional(share, {
    says: 'Memory that is taken from the server only when the host finds none elsewhere. Includes `guarantee`, so it is larger.',
    example: '512MiB',
    change: 'live',
    defaultSays: 'nothing is reserved',
    aka: ['low', 'memory.low', 'MemoryLow', 'reservation', 'reserved'],
  }),
  swap: optional(
    worded(
      {
        none: 'No swap at all: what does not fit into memory is not swapped out. The same as `0`.',
        max: 'As much as the host has.',
      },
      bytes(0, 1024 * TIB),
    ),
    {
      says: 'How much of the swap space of the host the server may use on top of its memory. `0` or `none`: no swap at all. A size such as `512MiB`: that much swap beside `limit`, not included in it. `max`: as much as the host has. Not written: the default of the kernel, which is that of `max`, so that a server at its `limit` fills the swap of the host.',
      example: '0',
      change: 'live',
      defaultSays: 'as `max`: whatever swap the host has',
      aka: [
        'swappages',
        'memory.swap.max',
        'MemorySwapMax',
        'memsw',
        'memory.memsw.limit_in_bytes',
        'memswap_limit',
        'limits.memory.swap',
        'swap_limit',
        'swapuse',
      ],
    },
  ),
  oomGroup: key(flag, {
    says: 'When memory runs out: `false`, one process of the server is killed; `true`, all of them at once, so that the server ends (and `restart` decides what follows).',
    example: 'true',
    change: 'live',
    default: false,
    aka: ['oom_group', 'oom-group', 'memory.oom.group', 'OOMPolicy', 'oom'],
  }),
})

const rates = (says: string) =>
  section({
    bps: optional(bytes(1, 1024 * TIB), {
      says: `How much data may be ${says} in a second.`,
      example: '50MiB',
      change: 'live',
      defaultSays: 'no ceiling',
      aka: ['bandwidth', 'bytes', 'rate', 'IOBandwidthMax', 'iolimit', 'throughput'],
    }),
    iops: optional(whole(1, MAX_IOPS), {
      says: `How many times data may be ${says} in a second.`,
      example: '2000',
      change: 'live',
      defaultSays: 'no ceiling',
      aka: ['iopslimit', 'ops', 'operations', 'IOPSMax'],
    }),
  })

const io = section({
  weight: optional(weight, {
    says: 'The share of a busy disk, in relation to the weights of the other servers.',
    example: '200',
    change: 'live',
    defaultSays: 'the share of everybody, 100',
    aka: [
      'ioprio',
      'blkio.weight',
      'io.weight',
      'io.bfq.weight',
      'IOWeight',
      'blkio_weight',
      'BlockIOWeight',
      'priority',
      'limits.disk.priority',
    ],
  }),
  latency: optional(duration(1, MINUTE), {
    says: 'How long the server shall wait for the disk at most: while it waits longer, servers with a longer latency, or none, are slowed down.',
    example: '10ms',
    change: 'live',
    defaultSays: 'no target',
    aka: ['io.latency', 'target', 'IODeviceLatencyTargetSec'],
  }),
  read: group(rates('read'), {
    says: 'Ceilings of reading from the device behind the storage of the server.',
    example: '{bps: 100MiB, iops: 4000}',
    change: 'live',
    aka: ['in', 'rbps', 'IOReadBandwidthMax', 'limits.read'],
  }),
  write: group(rates('written'), {
    says: 'Ceilings of writing to the device behind the storage of the server, also of what is written later from the page cache.',
    example: '{bps: 50MiB, iops: 2000}',
    change: 'live',
    aka: ['out', 'wbps', 'IOWriteBandwidthMax', 'limits.write'],
  }),
  devices: key(
    list(
      section({
        device: required(
          text({
            expected: 'an absolute path',
            check: check.pathCheck,
            normalise: check.plainPath,
            pattern: check.PATH_PATTERN,
          }),
          {
            says: 'A block device, or a file or directory on it.',
            example: '/dev/sdb',
            change: 'live',
            aka: ['path', 'name', 'source', 'dev'],
          },
        ),
        read: group(rates('read'), {
          says: 'Ceilings of reading from this device.',
          example: '{bps: 100MiB}',
          change: 'live',
          aka: ['in'],
        }),
        write: group(rates('written'), {
          says: 'Ceilings of writing to this device.',
          example: '{bps: 50MiB}',
          change: 'live',
          aka: ['out'],
        }),
      }),
    ),
    {
      says: 'Ceilings for other devices than the one behind the storage of the server, such as that of a mount.',
      example: '[{device: /dev/sdb, read: {bps: 100MiB}, write: {bps: 50MiB, iops: 500}}]',
      change: 'live',
      default: [],
      aka: ['device', 'disks', 'io.max'],
    },
  ),
})

export const resources = section({
  cpu: group(cpu, {
    says: 'Three things kept apart: which processors (`cores`, `cpus`, `dedicated`), how much of them at most (`limit`), and who comes first when there is not enough for all (`weight`).',
    example: '{cores: 2, limit: 1.5, weight: 200}',
    change: 'live',
    aka: ['processor', 'processors', 'vcpu'],
  }),
  memory: group(memory, {
    says: 'Memory of the server, from the most it may hold (`limit`) to the least it always has (`guarantee`).',
    example: '{limit: 1GiB, guarantee: 256MiB, swap: 0}',
    change: 'live',
    aka: ['ram', 'mem'],
  }),
  pids: optional(whole(1, MAX_PIDS), {
    says: 'How many processes and threads there may be in the server at once. One more is refused (fork fails).',
    example: '500',
    change: 'live',
    defaultSays: 'no ceiling but that of the host',
    aka: [
      'numproc',
      'tasks',
      'tasks_max',
      'TasksMax',
      'pids.max',
      'pids_limit',
      'processes',
      'maxproc',
      'limits.processes',
      'threads',
      'max-lwps',
      'nproc',
    ],
  }),
  io: group(io, {
    says: 'Reading from and writing to disks. Without `devices` it is about the device behind the storage of the server, which `vps` finds through btrfs, device mapper, loop devices and overlays.',
    example: '{weight: 200, write: {bps: 50MiB, iops: 2000}}',
    change: 'live',
    aka: ['disk', 'blkio', 'storage', 'iops'],
  }),
  hugepages: key(
    table(bytes(0, 1024 * TIB), {
      checkName: check.hugepageSizeCheck,
      namePattern: check.HUGEPAGE_PATTERN,
    }),
    {
      says: 'The most memory in huge pages, by the size of a page.',
      example: '{2MiB: 512MiB}',
      change: 'live',
      default: {},
      aka: ['hugetlb', 'hugetlbfs', 'limits.hugepages'],
    },
  ),
  rdma: key(
    table(
      section({
        handles: optional(whole(0, 2_147_483_647), {
          says: 'Handles of the device (HCA handles).',
          example: '2',
          change: 'live',
          defaultSays: 'no ceiling',
          aka: ['hca_handle', 'handle'],
        }),
        objects: optional(whole(0, 2_147_483_647), {
          says: 'Objects of the device (HCA objects).',
          example: '2000',
          change: 'live',
          defaultSays: 'no ceiling',
          aka: ['hca_object', 'object'],
        }),
      }),
      {checkName: check.deviceNameCheck, namePattern: check.DEVICE_PATTERN},
    ),
    {
      says: 'What the server may take of an RDMA device, by its name.',
      example: '{mlx5_0: {handles: 2, objects: 2000}}',
      change: 'live',
      default: {},
      aka: ['infiniband'],
    },
  ),
  misc: key(
    table(whole(0, Number.MAX_SAFE_INTEGER), {
      checkName: check.deviceNameCheck,
      namePattern: check.DEVICE_PATTERN,
    }),
    {
      says: 'Scarce things that some processors have, by the name in `misc.capacity` of the host, such as `sev` (encrypted virtual machines).',
      example: '{sev: 10}',
      change: 'live',
      default: {},
    },
  ),
})

export const limits = table(rlimit('count'), {
  checkName: check.rlimitNameCheck,
  namePattern: `^(${Object.keys(RLIMITS).join('|')})$`,
  names: RLIMITS,
})

export const sysctl = table(text({expected: 'text', anyScalar: true}), {
  checkName: sysctlComplaint,
  namePattern: SYSCTL_PATTERN,
  dotted: true,
})

export const enforce = choice({
  strict: 'The server does not start, and what is missing is named, with the way to get it.',
  'best-effort': 'It starts without those limits; `vps list` and `vps show` say so.',
})

export const profiles = list(
  text({expected: 'the name of a profile', check: check.profileNameCheck, pattern: check.PROFILE_PATTERN}),
)
