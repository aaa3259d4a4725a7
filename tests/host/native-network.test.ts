import {once} from 'node:events'
import {readFileSync, writeFileSync} from 'node:fs'
import {type AddressInfo, connect, createServer} from 'node:net'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {encode, type LaunchPlan} from '../../src/launch/index.ts'
import {collect, spawnWithWords, Workshop} from '../helpers/bare-server.ts'
import {HandMade, toStep, type Words} from '../helpers/hand-made.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {
  ELEMENTS,
  element,
  GUEST_MAC,
  HOST_MAC,
  ifname,
  ipv4,
  networkProgram,
  port,
  ROUTED,
  remains,
  sh,
  TABLE,
  TCP,
  VETH,
} from '../helpers/network-steps.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {probesMount, runState, STATIC, stateNumber} from '../helpers/servers.ts'

/*
 * The steps of the network by plans made by hand: nothing of the network in TypeScript takes part. The suite runs in a network
 * namespace of its own, which is the "host"; its rules are made here.
 */

const STDIO = ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe']

let host: ScratchHost
let hand: HandMade
let workshop: Workshop
/** What the host has while no server runs. */
let before: string

const ping = (address: string): string => {
  const program = address.includes(':') ? 'ping6' : 'ping'
  return `busybox ${program} -c1 -W2 ${address} >/dev/null`
}

/** Starts it, with the steps; throws when it does not run. */
async function start(steps: readonly Words[]): Promise<void> {
  const report = await hand.start('one', steps)
  expect(report.fault).toBeUndefined()
}

const stop = (): Promise<string> => host.must(['stop', 'one'])

/** What a start says that must fail, and which leaves nothing. */
async function fault(steps: readonly Words[]): Promise<object> {
  const report = await hand.start('one', steps)
  expect(report.started).toBeUndefined()
  const {op, syscall, errno, path} = report.fault ?? expect.fail('no fault')
  return {op, syscall, errno, path}
}

const inside = (script: string): Promise<string> => host.inside('one', script)

/** Changes the running server's network. */
const apply = (...steps: Words[]): ReturnType<typeof networkProgram> =>
  networkProgram('network-apply', steps, {
    'netns-pid': String(stateNumber(host, 'one', 'init')),
    'netns-start': String(stateNumber(host, 'one', 'init_start')),
  })

const remove = ([op, ...args]: Words): Words => [`-${op}`, ...args]

/** Starts it again by the plan that the supervisor has; `vps restart` would make another. */
async function restart(): Promise<void> {
  expect(await request('vps1\trestart\t0')).toMatch(/^ok\nrunning\t\d+\n$/)
}

/** One request to the supervisor, and its answer. */
async function request(line: string): Promise<string> {
  const socket = connect(serverPaths(host.paths, 'one').socket)
  let answer = ''
  socket.on('data', data => {
    answer += data
  })
  socket.write(`${line}\n`)
  await once(socket, 'close')
  return answer
}

describe.skipIf(requires('root').skip)('the network as steps of a plan', () => {
  beforeAll(async () => {
    host = await scratchHost()
    hand = await HandMade.begin(host)
    workshop = new Workshop()
    workshop.compile('reboot-call', STATIC)
    sh(`ip address add 169.254.0.1/32 dev lo; nft -f - <<'END'\n${TABLE}\nEND`)
    await hand.create('one', {mounts: [probesMount(workshop)]})
    before = remains()
  })
  afterEach(async () => {
    await host.vps(['stop', '--all', '--kill'])
    expect(remains()).toBe(before)
  })
  afterAll(async () => {
    sh('nft delete table inet test; ip address delete 169.254.0.1/32 dev lo')
    await host[Symbol.asyncDispose]()
    hand[Symbol.dispose]()
    workshop[Symbol.dispose]()
  })

  describe('a routed link', () => {
    test('carries packets both ways, in both families', async () => {
      await start([...ROUTED, ...ELEMENTS])
      sh(`${ping('10.77.0.5')}; ${ping('fd77::5')}`)
      await inside(`${ping('169.254.0.1')} && ${ping('fe80::1%eth0')}`)
    })

    test('is what was asked for, inside and outside', async () => {
      await start([...ROUTED, ...ELEMENTS])
      await until('carrier', () => !sh('ip -6 route').includes('linkdown'))
      expect(sh('ip -br link show vps-one')).toContain(HOST_MAC)
      expect(sh('ip -o address show vps-one').split('\n')).toEqual([
        expect.stringMatching(/inet6 fe80::1\/128 scope link nodad noprefixroute/),
      ])
      expect(sh('ip route show dev vps-one')).toBe('10.77.0.5 proto static scope link')
      expect(sh('ip -6 route show dev vps-one proto static').split('\n')).toEqual([
        'fd77::5 metric 1024 pref medium',
        expect.stringMatching(/^fe80::\/64 metric \d+ pref medium/),
      ])
      // No address that the other links have as well: the kernel would walk those of all.
      expect(sh('ip -6 route show table local dev vps-one')).not.toContain('anycast')
      expect(sh('ip neigh show dev vps-one nud permanent').split(/ *\n/).sort()).toEqual([
        `10.77.0.5 lladdr ${GUEST_MAC} PERMANENT`,
        `fd77::5 lladdr ${GUEST_MAC} PERMANENT`,
      ])
      expect(readFileSync('/proc/sys/net/ipv6/conf/vps-one/addr_gen_mode', 'utf8')).toBe('1\n')
      expect(readFileSync('/proc/sys/net/ipv4/conf/vps-one/rp_filter', 'utf8')).toBe('1\n')

      const links = (await inside('ip -br link')).split('\n').map(line => line.split(/\s+/).slice(0, 3))
      expect(links).toEqual([
        ['lo', 'UNKNOWN', '00:00:00:00:00:00'],
        [expect.stringMatching(/^eth0@if\d+$/), 'UP', GUEST_MAC],
      ])
      expect(await inside('ip -br -4 address show eth0')).toMatch(/ 10\.77\.0\.5\/32$/)
      expect(await inside('ip -br -6 address show eth0')).toMatch(/ fd77::5\/128 /)
      expect((await inside('ip route')).split('\n').map(line => line.trim())).toEqual([
        'default via 169.254.0.1 dev eth0 proto static src 10.77.0.5 onlink',
        '169.254.0.1 dev eth0 proto static scope link',
      ])
      expect(await inside('ip -6 route show default')).toMatch(/^default via fe80::1 .*src fd77::5 .*onlink/)
      expect((await inside('ip neigh show nud permanent')).split(/ *\n/).sort()).toEqual([
        `169.254.0.1 dev eth0 lladdr ${HOST_MAC} PERMANENT`,
        `fe80::1 dev eth0 lladdr ${HOST_MAC} PERMANENT`,
      ])
    })

    test('is there before init, and the time it took is told', async () => {
      const report = await hand.start('one', [...ROUTED, ...ELEMENTS])
      const names = report.phases.map(({name}) => name)
      expect(names.filter(name => name === 'network')).toHaveLength(1)
      expect(names.indexOf('network')).toBeLessThan(names.indexOf('spawn'))
    })

    test('has its elements in sets and maps', async () => {
      await start([...ROUTED, ...ELEMENTS])
      const list = (name: string): string => sh(`nft list ruleset | grep -A3 '${name} {'`)
      expect(list('set links')).toContain('elements = { "vps-one" }')
      expect(list('map project_of')).toContain('elements = { "vps-one" : 0x00000007 }')
      expect(list('map publish')).toContain('elements = { tcp . 8080 : 10.77.0.5 . 80 }')
      expect(list('map chains')).toContain('elements = { "vps-one" : jump one-in }')
      expect(list('set ranges')).toContain('elements = { tcp . 20000-20100 }')
      expect(list('set networks')).toContain('elements = { 10.78.0.0/16 }')
    })
  })

  describe('a step that fails is named, and nothing is left', () => {
    const refusals: readonly [string, readonly Words[], object][] = [
      [
        'a set that is not there, before any link is made',
        [...ROUTED, element('nonesuch', ifname('vps-one'))],
        {op: 'nft-element', syscall: 'NFT_MSG_NEWSETELEM', errno: 2, path: 'inet test nonesuch'},
      ],
      [
        'an address twice',
        [...ROUTED, ['link-address', 'eth0', '10.77.0.5/32'], ...ELEMENTS],
        {op: 'link-address', syscall: 'RTM_NEWADDR', errno: 17},
      ],
      [
        'a gateway out of reach, in the words of the kernel',
        [VETH, ['link-route', 'eth0', '0.0.0.0/0', '224.0.0.1', ''], ...ELEMENTS],
        {
          op: 'link-route',
          syscall: 'RTM_NEWROUTE',
          errno: 22,
          path: 'eth0 0.0.0.0/0 224.0.0.1: Nexthop has invalid gateway',
        },
      ],
      [
        'a link that is not there',
        [VETH, ['link-address', 'eth7', '10.77.0.5/32'], ...ELEMENTS],
        {op: 'link-address', syscall: 'SIOCGIFINDEX', errno: 19, path: 'eth7 10.77.0.5/32'},
      ],
      [
        'a setting that is not there',
        [VETH, ['host-setting', 'ipv4', 'vps-one', 'nonesuch', '1'], ...ELEMENTS],
        {op: 'host-setting', syscall: 'open', errno: 2, path: 'ipv4 vps-one nonesuch 1'},
      ],
      [
        'a bridge that is not there',
        [VETH, ['bridge-port', 'vps-one', 'br7', '0']],
        {op: 'bridge-port', syscall: 'SIOCGIFINDEX', errno: 19, path: 'vps-one br7 0'},
      ],
      [
        'no address',
        [VETH, ['link-address', 'eth0', '10.77.0/32']],
        {syscall: 'plan', errno: 22, path: '10.77.0/32'},
      ],
      ['too long a prefix', [VETH, ['link-address', 'eth0', '10.77.0.5/33']], {syscall: 'plan', errno: 22}],
      ['no MAC', [['link-veth', 'eth0', 'vps-one', '1500', '02:00', HOST_MAC]], {syscall: 'plan', errno: 22}],
      [
        'no MTU',
        [['link-veth', 'eth0', 'vps-one', '70000', GUEST_MAC, HOST_MAC]],
        {syscall: 'plan', errno: 22},
      ],
      [
        'too long a name',
        [['link-veth', 'eth0', 'vps-onetwothreefour', '1500', GUEST_MAC, HOST_MAC]],
        {syscall: 'plan'},
      ],
      ['half a byte', [element('links', '7')], {op: 'nft-element', syscall: 'plan', errno: 22, path: '7'}],
      [
        'a setting elsewhere',
        [VETH, ['host-setting', 'ipv4', 'vps-one', '../../x', '1']],
        {syscall: 'plan', errno: 22},
      ],
      ['a removal at a start', [remove(VETH)], {syscall: 'plan', errno: 22}],
    ]
    test.each(refusals)('%s', async (_, steps, answer) => {
      expect(await fault(steps)).toMatchObject(answer)
    })

    test("another's link of the same name stays", async () => {
      sh('ip link add vps-one type veth peer name other')
      try {
        expect(await fault([...ROUTED, ...ELEMENTS])).toMatchObject({
          op: 'link-veth',
          syscall: 'RTM_NEWLINK',
          errno: 17,
        })
        await networkProgram('network-undo', [...ROUTED, ...ELEMENTS])
        sh('ip link show vps-one')
      } finally {
        sh('ip link delete vps-one')
      }
    })

    test("another's route and another's port stay", async () => {
      sh('ip route add 10.77.0.5/32 dev lo')
      try {
        expect(await fault([...ROUTED, ...ELEMENTS])).toMatchObject({
          op: 'host-route',
          syscall: 'RTM_NEWROUTE',
          errno: 17,
        })
        sh('ip route show 10.77.0.5 | grep lo')
      } finally {
        sh('ip route delete 10.77.0.5/32 dev lo')
      }
      sh('nft add element inet test publish { tcp . 8080 : 10.77.0.9 . 80 }')
      try {
        expect(await fault([...ROUTED, ...ELEMENTS])).toMatchObject({
          op: 'nft-element',
          path: /^inet test publish/,
        })
        expect(sh('nft list map inet test publish')).toContain('10.77.0.9')
      } finally {
        sh('nft flush map inet test publish')
      }
    })
  })

  describe('the end', () => {
    test('of a supervisor that is killed: network-undo leaves nothing, as often as it is called', async () => {
      const steps = [...ROUTED, ['shape', 'vps-one', '20000000', '10000000', '0'] as const, ...ELEMENTS]
      await start(steps)
      const supervisor = stateNumber(host, 'one', 'supervisor')
      process.kill(supervisor, 'SIGKILL')
      await until('it is dead', () => !isAlive(supervisor))
      expect(await networkProgram('network-undo', steps)).toBeUndefined()
      expect(remains()).toBe(before)
      expect(await networkProgram('network-undo', steps)).toBeUndefined()
    })

    test('of whoever is killed at any message, coming or going: network-undo leaves nothing', async () => {
      // Raises and lowers the network as the supervisor does, with sanitizers; see bench/network-steps.c.
      const program = workshop.compileNative('network-steps', [
        '../bench/network-steps.c',
        'common/{netlink,plan,words,fault}.c',
        'supervisor/network/!(live).c',
      ])
      const steps = [...ROUTED, ['shape', 'vps-one', '20000000', '10000000', '0'] as const, ...ELEMENTS]
      const words = encode({settings: {}, steps: steps.map(toStep)})
      const run = (inject: readonly string[]): ReturnType<typeof collect> =>
        collect(
          spawnWithWords(['strace', '-qq', '-o', '/dev/null', ...inject, program, '1'], words, STDIO, {
            PATH: process.env.PATH,
            ASAN_OPTIONS: 'detect_leaks=0', // which can't be under strace
          }),
        )
      expect(await run([])).toMatchObject({code: 0, stderr: ''})
      expect(remains()).toBe(before)
      let kills = 0
      for (;;) {
        const {signal} = await run(['-e', `inject=sendto:signal=SIGKILL:when=${kills + 1}`])
        if (signal === null) break
        kills++
        expect(await networkProgram('network-undo', steps)).toBeUndefined()
        expect(remains(), `killed at message ${kills}`).toBe(before)
      }
      expect(kills).toBeGreaterThan(5)
    })

    test('is reached although somebody has flushed rules and removed links meanwhile', async () => {
      await start([...ROUTED, ...ELEMENTS])
      sh('nft delete element inet test links { "vps-one" }; ip link delete vps-one')
      await stop()
      await start([...ROUTED, ...ELEMENTS])
      sh('nft flush ruleset')
      await stop()
      sh(`nft -f - <<'END'\n${TABLE}\nEND`)
    })
  })

  test('a reboot from inside brings back what the guest has spoilt', async () => {
    await start([...ROUTED, ...ELEMENTS])
    const first = runState(host, 'one').get('netns')
    await inside(`ip link add spare type veth peer name spare2; ip link delete eth0; ip rule add prio 5 blackhole
                  echo 1 >/proc/sys/net/ipv4/ip_forward 2>/dev/null || :`)
    sh('! ip link show vps-one 2>/dev/null')
    void host.vps(['exec', 'one', '--', '/probes/reboot-call', 'reboot'])
    await until(
      'it runs again',
      () => runState(host, 'one').get('restarts') === '1' && runState(host, 'one').get('state') === 'running',
    )
    sh(`${ping('10.77.0.5')}; ${ping('fd77::5')}`)
    expect((await inside('ip -br link')).split('\n')).toHaveLength(2)
    expect(await inside('ip rule')).not.toContain('blackhole')
    expect(runState(host, 'one').get('netns')).not.toBe(first)
    expect(sh('nft list set inet test links')).toContain('vps-one')
  })

  describe('a change while it runs', () => {
    const more: readonly Words[] = [
      ['link-address', 'eth0', '10.77.0.6/32'],
      ['host-neighbour', 'vps-one', '10.77.0.6', GUEST_MAC],
      ['host-route', 'vps-one', '10.77.0.6/32'],
      element('publish', `${TCP}${port(8081)}`, `value:${ipv4('10.77.0.6')}${port(80)}`),
    ]

    test('adds, and removes again', async () => {
      await start([...ROUTED, ...ELEMENTS])
      const as = remains()
      expect(await apply(...more)).toBeUndefined()
      sh(ping('10.77.0.6'))
      expect(sh('nft list map inet test publish')).toContain('tcp . 8081 : 10.77.0.6 . 80')
      expect(await apply(...more.map(remove))).toBeUndefined()
      expect(remains()).toBe(as)
      expect(await inside('ip address')).not.toContain('10.77.0.6')
      expect(await apply(...more.map(remove))).toBeUndefined() // nothing of it is there: no fault
    })

    test('is whole or not at all', async () => {
      await start([...ROUTED, ...ELEMENTS])
      const [outside, within] = [remains(), await inside('ip address; ip route; ip -6 route')]
      const gone = ROUTED.filter(([op]) => op === 'host-route').map(remove)
      const wrong = element('nonesuch', '00')
      expect(await apply(...gone, ...more, wrong)).toMatchObject({op: 'nft-element', step: 6, errno: 2})
      expect(await apply(...gone, ...more, ['host-route', 'vps-one', '10.77.0.6/32'])).toMatchObject({
        step: 6,
        errno: 17,
      })
      expect(remains()).toBe(outside)
      expect(await inside('ip address; ip route; ip -6 route')).toBe(within)
    })

    test('of the rate that fails half way takes back its half', async () => {
      await start([...ROUTED, ...ELEMENTS])
      sh('tc qdisc add dev vps-one ingress') // of somebody else
      expect(await apply(['shape', 'vps-one', '20000000', '10000000', '0'])).toMatchObject({
        op: 'shape',
        errno: 17,
      })
      expect(sh('ip -br link')).not.toContain('vps~one')
      expect(sh('tc qdisc show dev vps-one')).not.toContain('tbf')
    })

    test('is refused for a process that has gone, and for links', async () => {
      await start([...ROUTED, ...ELEMENTS])
      const pid = String(stateNumber(host, 'one', 'init'))
      expect(
        await networkProgram('network-apply', more, {'netns-pid': pid, 'netns-start': '1'}),
      ).toMatchObject({errno: 3})
      expect(await networkProgram('network-apply', more)).toMatchObject({syscall: 'plan', errno: 22})
      expect(await apply(remove(VETH))).toMatchObject({syscall: 'plan', errno: 22})
    })

    test('holds over a reboot and is undone at the end, once the plan says so', async () => {
      await start([...ROUTED, ...ELEMENTS])
      const {run, planJson} = serverPaths(host.paths, 'one')
      const plan = JSON.parse(readFileSync(planJson, 'utf8')) as LaunchPlan
      const put = (changed: LaunchPlan): void => writeFileSync(join(run, 'plan'), encode(changed))
      expect(await apply(...more)).toBeUndefined()

      put({...plan, settings: {...plan.settings, uuid: 'another'}})
      expect(await request('vps1\treload')).toBe("error\t22\tthe plan is another server's\n")
      writeFileSync(join(run, 'plan'), 'vps-plan\0')
      expect(await request('vps1\treload')).toBe('error\t74\tthe plan is malformed\n')
      put({...plan, steps: [...plan.steps, ...more.map(toStep)]})
      expect(await request('vps1\treload')).toBe('ok\n')

      await restart()
      sh(ping('10.77.0.6'))
      expect(await inside('hostname')).toBe('one')
    })
  })

  describe('rates', () => {
    const BYTES = 3_000_000

    /** Bits a second from the host into the server. */
    async function rateIn(): Promise<number> {
      const clock = 'busybox head -c 1 >/dev/null; date +%s%N; busybox wc -c >/dev/null; date +%s%N'
      const clocked = inside(`busybox nc -l -p 7000 | { ${clock}; }`)
      await until('it listens', async () => (await inside('ss -Hltn "sport = 7000" | wc -l')) === '1')
      connect(7000, '10.77.0.5').resume().end(Buffer.alloc(BYTES))
      const [begin = 0, end = 0] = (await clocked).split('\n').map(Number)
      return (BYTES * 8) / ((end - begin) / 1e9)
    }

    /** Bits a second out of the server. */
    async function rateOut(): Promise<number> {
      let got = 0
      let first = 0
      const server = createServer(socket =>
        socket.on('data', data => {
          first ||= performance.now()
          got += data.length
        }),
      )
      server.listen(0, '169.254.0.1')
      await once(server, 'listening')
      const {port: number} = server.address() as AddressInfo
      await inside(`busybox head -c ${BYTES} /dev/zero | busybox nc 169.254.0.1 ${number}`)
      await until('all is there', () => got === BYTES)
      const rate = (BYTES * 8) / ((performance.now() - first) / 1000)
      server.close()
      return rate
    }

    // Measured while another part of the suite uses the processors.
    test('hold both ways, and change while it runs', {retry: 2}, async () => {
      await start([...ROUTED, ['shape', 'vps-one', '20000000', '10000000', '0'], ...ELEMENTS])
      expect((await rateIn()) / 20e6).toBeCloseTo(1, 0.3)
      expect((await rateOut()) / 10e6).toBeCloseTo(1, 0.3)
      expect(await apply(['shape', 'vps-one', '40000000', '30000000', '0'])).toBeUndefined()
      expect((await rateIn()) / 40e6).toBeCloseTo(1, 0.3)
      expect((await rateOut()) / 30e6).toBeCloseTo(1, 0.3)
      expect(await apply(['-shape', 'vps-one', '40000000', '30000000', '0'])).toBeUndefined()
      expect(await rateIn()).toBeGreaterThan(80e6)
      expect(await rateOut()).toBeGreaterThan(80e6)
      expect(sh('ip -br link')).not.toContain('vps~one')
    })
  })

  describe('other links', () => {
    /** A link of the host that leads to another namespace, in place of a card and a wire. */
    const wired = async (name: string, work: () => Promise<void>): Promise<void> => {
      sh(`ip netns add world; ip link add ${name} address 02:00:00:00:00:aa type veth peer name far netns world
          ip link set ${name} up; ip -n world link set far up; ip -n world address add 192.0.2.1/24 dev far`)
      try {
        await work()
        await host.vps(['stop', '--all', '--kill'])
      } finally {
        sh(`ip link delete ${name}; ip netns delete world; umount /run/netns; rmdir /run/netns`)
      }
    }

    test('a port of a bridge', async () => {
      sh('ip link add br7 type bridge; ip link set br7 up; ip address add 192.0.2.1/24 dev br7')
      try {
        await start([VETH, ['bridge-port', 'vps-one', 'br7', '0'], ['link-address', 'eth0', '192.0.2.9/24']])
        await inside(ping('192.0.2.1'))
        expect(sh('ip -d link show vps-one')).toMatch(/bridge_slave.* guard on.* root_block on/s)
        await stop()
      } finally {
        sh('ip link delete br7')
      }
    })

    test('a macvlan, again after a reboot', async () => {
      await wired('wire0', async () => {
        await start([
          ['link-macvlan', 'eth0', 'wire0', '1500', GUEST_MAC],
          ['link-address', 'eth0', '192.0.2.9/24'],
          ['link-route', 'eth0', '0.0.0.0/0', '192.0.2.1', ''],
        ])
        await inside(ping('192.0.2.1'))
        await inside('ip link set eth0 name eth9')
        await restart()
        await inside(ping('192.0.2.1'))
        expect(await inside('ip -br link show eth0')).toContain(GUEST_MAC)
      })
    })

    test('an interface of the host, given back by its name whatever the guest called it', async () => {
      await wired('wire0', async () => {
        await start([
          ['link-physical', 'eth0', 'wire0'],
          ['link-address', 'eth0', '192.0.2.9/24'],
        ])
        sh('! ip link show wire0 2>/dev/null')
        await inside(ping('192.0.2.1'))
        await inside('ip link set eth0 down; ip link set eth0 name wan')
        await restart()
        await inside(ping('192.0.2.1'))
        await stop()
        expect(sh('ip -br link show wire0')).toContain('02:00:00:00:00:aa')
      })
    })

    test('an interface of the host that came back by itself gets its name back', async () => {
      await wired('wire0', async () => {
        // What the kernel makes of it, as a virtual one would not outlive the namespace: its name inside, and the other one.
        sh(
          'ip link set wire0 down; ip link set wire0 name dev77; ip link property add dev dev77 altname wire0',
        )
        expect(await networkProgram('network-undo', [['link-physical', 'eth0', 'wire0']])).toBeUndefined()
        expect(sh('ip -o link show wire0')).toMatch(/^\d+: wire0@.*(?!altname)/)
        expect(await networkProgram('network-undo', [['link-physical', 'eth0', 'wire0']])).toBeUndefined()
      })
    })
  })
})
