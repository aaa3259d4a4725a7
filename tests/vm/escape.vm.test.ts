// Attempts of a server's root to get past its limits. Each fails in the server, and each works where the protection is off: for
// the host's root, on a cgroup made like the server's. So none fails for a reason of its own.

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {errno} from '../../src/host/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {groupFile} from '../helpers/cgroup-files.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Inside} from '../helpers/inside.ts'
import {quietly, until} from '../helpers/processes.ts'
import {probesMount, STATIC, stateNumber} from '../helpers/servers.ts'
import {must, run, type ShellResult} from './guest-shell.ts'

const MOUNT = '/sys/fs/cgroup'
/** What a server's cgroup looks like, in nobody's care. */
const MODEL = join(MOUNT, 'vps-test-model')

/** A file of `payload`, its value under protection; the same in server and model. */
const LIMITS: Readonly<Record<string, string>> = {
  'memory.max': String(64 * 1024 * 1024),
  'memory.high': String(60 * 1024 * 1024),
  'memory.swap.max': '0',
  'memory.oom.group': '1',
  'cpu.max': '50000 100000',
  'cpuset.cpus': '0',
  'pids.max': '60',
  'io.max': '254:0 rbps=max wbps=4194304 riops=max wiops=max',
  'hugetlb.2MB.max': '4194304',
}

interface Attempt {
  readonly name: string
  /**
   * A shell script that ends with status 0 when it got what it wanted. `$root` is the cgroup with the limits, `$path` its place
   * as the host sees it, `$tools` a directory with our programs, `$nested` how `escape nested` is to go about it, `$mounted` the
   * cgroup's place below a fresh mount of cgroup2.
   */
  readonly script: string
  /** A file below the server's cgroup that must not change in the server, and must change in the model. */
  readonly file?: string
  /** Run on the host before and after the script works there. */
  readonly before?: string
  readonly after?: string
  /** A directory below the server's cgroup that is passed to whoever asks at `$tools/socket`. */
  readonly passed?: string
}

const writes: Attempt[] = [
  ['memory.max', 'max'],
  ['memory.high', 'max'],
  ['memory.swap.max', 'max'],
  ['memory.oom.group', '0'],
  ['cpu.max', 'max'],
  ['cpuset.cpus', '0-1'],
  ['pids.max', 'max'],
  ['io.max', '254:0 wbps=max'],
  ['hugetlb.2MB.max', 'max'],
  ['cgroup.max.descendants', 'max'],
  ['cgroup.max.depth', 'max'],
].map(([file = '', value = '']) => ({
  name: `writes ${file} of its own cgroup`,
  script: `echo "${value}" >$root/${file}`,
  file: `payload/${file}`,
}))

const attempts: Attempt[] = [
  ...writes,
  {
    name: 'makes memory.max writable first',
    script: 'chmod 666 $root/memory.max; chown 0:0 $root/memory.max; echo max >$root/memory.max',
    file: 'payload/memory.max',
  },
  {
    name: 'puts a file of its own over memory.max, whose owner it is',
    script:
      'rm -f $root/memory.max 2>/dev/null; mv $root/memory.max $root/memory.old 2>/dev/null; echo max >$root/memory.max',
    file: 'payload/memory.max',
  },
  {
    name: 'writes the limit of the parent',
    script: 'echo 300 >$root/../cpu.weight',
    file: 'cpu.weight',
  },
  {
    name: 'lifts the parent’s guarantee',
    script: 'echo 1G >$root/../memory.min',
    file: 'memory.min',
  },
  {
    name: 'mounts the file system of cgroups read-write',
    before: `mkdir /tmp/vps-ro && mount --bind ${MODEL}/payload /tmp/vps-ro && mount -o remount,bind,ro /tmp/vps-ro`,
    script: 'mount -o remount,bind,rw $again && echo max >$again/memory.max',
    after: 'umount /tmp/vps-ro; rmdir /tmp/vps-ro',
    file: 'payload/memory.max',
  },
  {
    name: 'mounts cgroup2 anew',
    script:
      'mount -t cgroup2 none /mnt && echo max >$mounted/memory.max; status=$?; umount /mnt; exit $status',
    file: 'payload/memory.max',
  },
  {
    name: 'mounts cgroup2 anew in namespaces of its own',
    script: 'echo $$ >$root/cgroup.procs; exec $tools/escape nested $nested $mounted/memory.max max',
    before: `echo -cpu -memory -io -pids -cpuset -hugetlb >${MODEL}/payload/cgroup.subtree_control`,
    file: 'payload/memory.max',
  },
  {
    name: 'writes its old files in namespaces of its own',
    script: 'exec $tools/escape nested $nested $root/pids.max max',
    file: 'payload/pids.max',
  },
  {
    name: 'moves out, over ..',
    script: 'echo $$ >$root/../supervisor/cgroup.procs && grep -q supervisor /proc/self/cgroup',
  },
  {
    name: 'moves out, over the root of process 1',
    script: 'echo $$ >/proc/1/root$path/supervisor/cgroup.procs && grep -q supervisor /proc/self/cgroup',
  },
  {
    name: 'moves out, over the working directory of process 1',
    script:
      'echo $$ >/proc/1/cwd/../../../../../..$path/supervisor/cgroup.procs && grep -q supervisor /proc/self/cgroup',
  },
  {
    name: 'moves out, over a directory that was passed to it',
    script: 'exec $tools/escape take $tools/socket at cgroup.procs 0',
    passed: 'supervisor',
  },
  {
    name: 'writes a limit, over a directory that was passed to it',
    script: 'exec $tools/escape take $tools/socket at memory.max max',
    passed: 'payload',
    file: 'payload/memory.max',
  },
  {
    name: 'is born outside, over a directory that was passed to it (CLONE_INTO_CGROUP)',
    script: 'exec $tools/escape take $tools/socket born supervisor',
    passed: 'supervisor',
  },
  {
    name: 'opens its cgroup by its number (open_by_handle_at)',
    script: 'exec $tools/escape handle $root $id pids.max max',
    file: 'payload/pids.max',
  },
  {
    name: 'takes the controllers from the parent',
    script: 'echo -pids >$root/../cgroup.subtree_control',
    after: `echo +pids >${MODEL}/cgroup.subtree_control; echo 60 >${MODEL}/payload/pids.max`,
    file: 'cgroup.subtree_control',
  },
  {
    name: 'makes its cgroup a threaded one',
    before: `echo -memory -io -hugetlb >${MODEL}/cgroup.subtree_control`,
    script: 'echo threaded >$root/cgroup.type',
    file: 'payload/cgroup.type',
  },
  {
    name: 'freezes the supervisor',
    script: 'echo 1 >$root/../supervisor/cgroup.freeze',
    file: 'supervisor/cgroup.freeze',
  },
  {
    name: 'kills the supervisor',
    script: 'echo 1 >$root/../supervisor/cgroup.kill',
  },
  {
    name: 'mounts a v1 hierarchy and makes a cgroup in it',
    script:
      'mount -t cgroup -o none,name=vps-escape none /mnt && mkdir /mnt/out && echo $$ >/mnt/out/cgroup.procs && grep -q vps-escape:/out /proc/self/cgroup',
    // A hierarchy goes with its last mount only if the kernel has let go of all its cgroups by then, which it does in its own time.
    after: `for pid in $(cat /mnt/out/cgroup.procs); do echo $pid >/mnt/cgroup.procs; done; rmdir /mnt/out; umount /mnt
      for attempt in $(seq 100); do
        grep -q vps-escape /proc/self/cgroup || exit 0
        sleep 0.2; mount -t cgroup -o none,name=vps-escape none /mnt; umount /mnt
      done; exit 1`,
  },
  {
    name: 'opens a disk whose node it was given',
    script: 'dd if=$given of=/dev/null bs=512 count=1',
  },
  {
    name: 'raises a hard limit of its own',
    script: 'ulimit -S -n 64; ulimit -H -n 512; ulimit -H -n 600',
  },
  {
    name: 'hides from the OOM killer',
    script: 'echo -1000 >/proc/self/oom_score_adj',
  },
  {
    name: 'takes a real-time priority, which no share binds',
    script: 'exec $tools/escape realtime',
  },
  {
    name: 'takes a better nice value',
    script: 'renice -n -10 -p $$',
  },
  {
    name: 'sets what is the host’s to set',
    before: 'cat /proc/sys/vm/swappiness >/tmp/vps-swappiness',
    script: 'echo 1 >/proc/sys/vm/swappiness',
    after: 'cat /tmp/vps-swappiness >/proc/sys/vm/swappiness; rm /tmp/vps-swappiness',
  },
]

/** Nothing is forbidden about it, and it is of no use: the server is killed as a whole, because `oomGroup` says so. */
const inVain: Attempt = {
  name: 'uses more memory in a cgroup that it makes below, without limit',
  script: `mkdir $root/below 2>/dev/null; echo $$ >$root/below/cgroup.procs; $tools/load touch 90 | grep -q 'touched 92160'`,
  before: `echo max >${MODEL}/payload/memory.max; echo max >${MODEL}/payload/memory.high`,
}

let host: ScratchHost
let inside: Inside
let workshop: Workshop
/** A node of a disk that anybody may open. */
let given: string

beforeAll(async () => {
  workshop = new Workshop()
  for (const program of ['load', 'escape']) workshop.compile(program, STATIC)
  given = join(mkdtempSync('/root/vps-given-'), 'disk')
  must(`mknod -m 666 ${given} b 254 0; chmod 755 ${workshop.directory}`)
  host = await scratchHost()
  await host.must(['create', 'jail', '--file', '-'], {
    stdin: 'pipe',
    input: JSON.stringify({
      template: 'busybox',
      init: 'persist',
      mounts: [probesMount(workshop), {source: given, target: '/given'}],
      resources: {
        cpu: {limit: 0.5, cpus: '0'},
        memory: {limit: '64MiB', high: '60MiB', swap: 0, oomGroup: true},
        pids: 60,
        io: {write: {bps: '4MiB'}},
        hugepages: {'2MiB': '4MiB'},
      },
      limits: {nofile: '256:512'},
    }),
  })
  await host.must(['start', 'jail'])
  inside = await Inside.open(host)
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
  rmSync(join(given, '..'), {recursive: true})
})

/** systemd takes controllers back from the root when a scope ends, until the model hands them on: then they are asked for again. */
async function makeModel(): Promise<void> {
  const all = '+cpuset +cpu +io +memory +hugetlb +pids'
  mkdirSync(MODEL)
  await until('the model has its controllers', () => {
    writeFileSync(join(MOUNT, 'cgroup.subtree_control'), all)
    try {
      writeFileSync(join(MODEL, 'cgroup.subtree_control'), all)
      return true
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw error
      return false
    }
  })
  for (const group of ['payload', 'supervisor']) mkdirSync(join(MODEL, group))
  for (const [file, value] of Object.entries(LIMITS)) writeFileSync(join(MODEL, 'payload', file), value)
  for (const file of ['max.descendants', 'max.depth'])
    writeFileSync(join(MODEL, 'payload', `cgroup.${file}`), '20')
}

/** With whoever moved into it. */
function removeModel(): void {
  writeFileSync(join(MODEL, 'cgroup.kill'), '1')
  must(`while grep -q 'populated 1' ${MODEL}/cgroup.events; do sleep 0.01; done`)
  for (const group of ['payload/below', 'payload', 'supervisor', ''])
    quietly(() => rmdirSync(join(MODEL, group)))
}

/** Passes `directory` to the first who asks for it at the workshop's socket; ends with what is returned. */
async function passOn(directory: string | undefined): Promise<Disposable> {
  if (directory === undefined) return {[Symbol.dispose]() {}}
  const socket = join(workshop.directory, 'socket')
  const giver = spawn(workshop.compile('escape'), ['give', socket, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(giver.stdout, 'data')
  return {
    [Symbol.dispose]() {
      giver.kill()
      rmSync(socket)
    },
  }
}

/** As a process of the host's root that has nothing to do with the cgroup. */
function onHost({script}: Attempt): ShellResult {
  const variables = {
    root: join(MODEL, 'payload'),
    path: MODEL,
    tools: workshop.directory,
    nested: 'plain',
    mounted: '/mnt/vps-test-model/payload',
    again: '/tmp/vps-ro',
    id: String(statSync(join(MODEL, 'payload')).ino),
    given,
  }
  const words = Object.entries(variables).map(([name, value]) => `${name}='${value}'`)
  return run(`busybox sh -c '${`${words.join(' ')}; ${script}`.replaceAll("'", `'"'"'`)}'`)
}

async function inServer({script}: Attempt): Promise<{code: number | null; stderr: string}> {
  const variables = {
    root: MOUNT,
    path: host.cgroup('jail'),
    tools: '/probes',
    nested: 'user',
    mounted: '/mnt',
    again: MOUNT,
    id: String(statSync(join(host.cgroup('jail'), 'payload')).ino),
    given: '/given',
  }
  const words = Object.entries(variables).map(([name, value]) => `${name}='${value}'`)
  return await inside.run('jail', ['/bin/sh', '-c', `${words.join(' ')}; ${script}`])
}

const valueIn = (group: string, file: string | undefined): string | undefined =>
  file === undefined ? undefined : readFileSync(join(group, file), 'utf8')

test('the server has the limits that are attacked', () => {
  for (const [file, value] of Object.entries(LIMITS)) expect(groupFile(host, 'jail', file), file).toBe(value)
})

describe.each(attempts)('$name', tried)

function tried(attempt: Attempt): void {
  test('in the server it fails', async () => {
    const group = host.cgroup('jail')
    const before = valueIn(group, attempt.file)
    using _passed = await passOn(attempt.passed && join(group, attempt.passed))
    const {code, stderr} = await inServer(attempt)
    expect(code, stderr).not.toBe(0)
    expect([2, 3, 125, 126, 127], stderr).not.toContain(code) // it was begun, and refused
    expect(valueIn(group, attempt.file)).toBe(before)
  })

  test('without the protection it works', async () => {
    try {
      await makeModel()
      if (attempt.before !== undefined) must(attempt.before)
      const before = valueIn(MODEL, attempt.file)
      using _passed = await passOn(attempt.passed && join(MODEL, attempt.passed))
      const {status, stderr} = onHost(attempt)
      const after = valueIn(MODEL, attempt.file)
      if (attempt.after !== undefined) must(attempt.after)
      expect(status, stderr).toBe(0)
      if (attempt.file !== undefined) expect(after).not.toBe(before)
    } finally {
      removeModel()
    }
  })
}

test('after all that the server still has its limits, its supervisor and its processes', async () => {
  for (const [file, value] of Object.entries(LIMITS)) expect(groupFile(host, 'jail', file), file).toBe(value)
  const supervisors = groupFile(host, 'jail', 'supervisor/cgroup.procs', 'server')
  expect(supervisors).toBe(String(stateNumber(host, 'jail', 'supervisor')))
  expect(await inside.sh('jail', 'echo alive')).toBe('alive')
})

describe(inVain.name, () => tried(inVain))
