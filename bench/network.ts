/*
 * The network of servers: how much passes a routed link, against a bare pair of interfaces; and what the network of the first, the
 * hundredth and the five hundredth server takes, against the same by hand. Exits with 1 when a bound is missed.
 *
 *   scripts/in-own-namespaces node bench/network.ts
 */
import process from 'node:process'
import {Topology} from '../tests/helpers/network.ts'
import {benchHost} from './host.ts'
import {scaleFigures} from './network-scale.ts'
import {throughputFigures} from './network-throughput.ts'
import {publish} from './statistics.ts'

const SERVER = {name: 'bench', address: '10.77.0.9'}

await using _world = await Topology.build()
await using bench = await benchHost()
const {host} = bench
try {
  await host.create(SERVER.name, {
    template: 'busybox',
    set: [
      {path: 'init', value: 'persist'},
      {path: 'network.links', value: `[{addresses: ["${SERVER.address}"]}]`},
    ],
  })
  const {pid} = await host.start(SERVER.name)
  const figures = [...(await throughputFigures(SERVER.address, pid)), ...(await scaleFigures(host.paths))]
  if (!figures.map(publish).every(held => held)) process.exitCode = 1
} finally {
  await host.destroy(SERVER.name, {force: true})
}
