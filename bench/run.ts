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
// A process of its own, because it may have to hide from itself who runs the host; 77 is that it can't be measured here.
const limits = await execa(process.execPath, [join(import.meta.dirname, 'limits.ts')], {
  stdio: 'inherit',
  reject: false,
})
if (limits.exitCode !== 0 && limits.exitCode !== 77) process.exitCode = 1
