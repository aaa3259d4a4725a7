import {execFileSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {INTERNET, Place, Topology, UPLINK} from '../helpers/network.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'

/*
 * A Debian with systemd and a server of the host's own file system reach the host, each other and the world, as their admins
 * would try it: ping, TCP, and apt-get with a package repository somewhere on the internet.
 */

const MISSING = requires('root', 'debian-image').skip
const REPOSITORY = 'deb.example.org'

/** Serves a directory over HTTP, both families, and prints a line per request: who asked for what. */
const WEB_SERVER = `
  const {createServer} = require('node:http'), {readFile} = require('node:fs'), {join, normalize} = require('node:path')
  createServer((request, response) => {
    console.log(request.socket.remoteAddress.replace('::ffff:', ''), request.headers.host, request.url)
    readFile(join(process.argv[1], normalize('/' + request.url)), (error, bytes) => {
      response.writeHead(error ? 404 : 200).end(bytes)
    })
  }).listen(80, '::', () => console.log('ready'))`

let host: ScratchHost
let world: Topology
let repository: string
const requests: string[] = []

beforeAll(async () => {
  if (MISSING) return
  repository = mkdtempSync(join(tmpdir(), 'vps-repository-'))
  makeRepository()
  world = await Topology.build()
  host = await scratchHost()
  mkdirSync(host.paths.etc, {recursive: true})
  writeFileSync(host.paths.hostConfig, `network: {dns: {upstream: [${INTERNET.ipv4}]}}\n`)
  serveNames()
  await serveRepository()
  await createServers(host, {
    deb: {template: 'debian', init: 'auto', network: 'links'},
    jail: {template: 'host', network: 'links'},
  })
  await host.must(['start', 'deb', 'jail', '--wait'])
})

afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
  if (repository !== undefined) rmSync(repository, {recursive: true, force: true})
})

/** One package and the index of it. */
function makeRepository(): void {
  const tree = join(repository, 'tree')
  mkdirSync(join(tree, 'DEBIAN'), {recursive: true})
  mkdirSync(join(tree, 'usr/share/greeting'), {recursive: true})
  const control = `Package: greeting\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: a word\n`
  writeFileSync(join(tree, 'DEBIAN/control'), control)
  writeFileSync(join(tree, 'usr/share/greeting/word'), 'hello\n')
  const run = (script: string) => execFileSync('sh', ['-ec', script], {cwd: repository, encoding: 'utf8'})
  run('dpkg-deb --build --root-owner-group tree greeting.deb >/dev/null')
  const sums = run('sha256sum greeting.deb').split(' ')[0]
  const size = run('stat -c %s greeting.deb').trim()
  writeFileSync(
    join(repository, 'Packages'),
    `${control}Filename: ./greeting.deb\nSize: ${size}\nSHA256: ${sums}\n`,
  )
  const index = run('sha256sum Packages | cut -d" " -f1; stat -c %s Packages').trim().replace('\n', ' ')
  writeFileSync(join(repository, 'Release'), `Suite: stable\nSHA256:\n ${index} Packages\n`)
}

function serveNames(): void {
  world.internet.begin(
    'dnsmasq',
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=/dev/null', '--pid-file'],
    ...['--user=root', '--no-hosts', '--no-resolv', '--bind-interfaces', '--listen-address', INTERNET.ipv4],
    `--host-record=${REPOSITORY},${INTERNET.ipv4},${INTERNET.ipv6}`,
  )
}

async function serveRepository(): Promise<void> {
  const {stdout} = world.internet.begin(process.execPath, '-e', WEB_SERVER, repository)
  if (stdout === null) throw new Error('no output to read')
  await once(stdout, 'data')
  stdout.on('data', data => requests.push(...String(data).trim().split('\n')))
}

const inside = (server: string, script: string): Promise<string> => host.inside(server, script)
const placeOf = (server: string): Place => Place.of(stateNumber(host, server, 'init'))

/** The addresses of a server, as it sees them. */
async function addressesOf(server: string): Promise<string[]> {
  const [view] = await host.json<{links: {addresses: string[]}[]}[]>(['list', server])
  return (view?.links[0]?.addresses ?? []).map(address => address.replace(/\/.*/, ''))
}

describe.skipIf(MISSING)('a Debian and a jail of the host', () => {
  test.each(['deb', 'jail'])('%s pings the host, the other and the world, IPv4 and IPv6', async server => {
    const others = await addressesOf(server === 'deb' ? 'jail' : 'deb')
    expect(others).toHaveLength(2)
    const hosts = [UPLINK.ipv4, UPLINK.ipv6, INTERNET.ipv4, INTERNET.ipv6]
    for (const address of [...others, ...hosts])
      placeOf(server).sh(`busybox ping -c1 -W2 ${address} >/dev/null`)
  })

  test.each(['deb', 'jail'])('%s talks TCP with the other and the world, IPv4 and IPv6', async server => {
    const other = server === 'deb' ? 'jail' : 'deb'
    await using _neighbour = await placeOf(other).serve(other, 8080)
    await using _world = await world.internet.serve('world', 8080)
    const own = await addressesOf(server)
    const answers: string[] = []
    for (const address of [...(await addressesOf(other)), INTERNET.ipv4, INTERNET.ipv6])
      answers.push(await placeOf(server).ask('tcp', address, 8080))
    expect(answers).toEqual([
      `${other} ${own[0]}`,
      `${other} ${own[1]}`,
      `world ${UPLINK.ipv4}`,
      `world ${UPLINK.ipv6}`,
    ])
  })

  test('the host talks TCP with each', async () => {
    for (const server of ['deb', 'jail']) {
      await using _server = await placeOf(server).serve(server, 8080)
      for (const address of await addressesOf(server))
        expect(await world.host.ask('tcp', address, 8080)).toMatch(new RegExp(`^${server} `))
    }
  })

  test('apt-get update and install work, through NAT and the names of the world', async () => {
    await inside(
      'deb',
      `rm -f /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] http://${REPOSITORY}/ ./' >/etc/apt/sources.list`,
    )
    expect(await inside('deb', 'apt-get update 2>&1')).toMatch(
      /Get:\d+ http:\/\/deb\.example\.org \.\/ Packages/,
    )
    await inside('deb', 'apt-get install --yes greeting 2>&1')
    expect(await inside('deb', 'cat /usr/share/greeting/word')).toBe('hello')
    const asked = requests.filter(line => line.endsWith('/greeting.deb'))
    expect(asked).toHaveLength(1)
    expect([`${UPLINK.ipv4} ${REPOSITORY}`, `${UPLINK.ipv6} ${REPOSITORY}`]).toContain(
      asked[0]?.split(' ').slice(0, 2).join(' '),
    )
  })
})
