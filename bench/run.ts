/*
 * Measures every published figure and prints it beside what it is held against, measured in the same run. Exits with 1 when
 * a bound is missed. Machines are noisy: look at the ratios.
 *
 *   make bench
 */
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {cliFigures} from './cli.ts'
import {benchHost} from './host.ts'
import {memoryFigures} from './memory.ts'
import {startFigure} from './start.ts'
import {publish} from './statistics.ts'

await using host = await benchHost()
const figures = [await startFigure(host), ...(await memoryFigures(host)), ...(await cliFigures())]
if (!figures.map(publish).every(held => held)) process.exitCode = 1
// Processes of their own: one has to hide from itself who runs the host, the others have hosts with networks, or worlds; 77 is that it can't be
// measured here.
for (const name of ['limits.ts', 'network.ts', 'list.ts', 'fleet.ts', 'peers.ts']) {
  const {exitCode} = await execa(process.execPath, [join(import.meta.dirname, name)], {
    stdio: 'inherit',
    reject: false,
  })
  if (exitCode !== 0 && exitCode !== 77) process.exitCode = 1
}
