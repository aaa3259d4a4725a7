/*
 * Measures every published figure and prints it beside what it is held against, measured in the same run. Exits with 1 when
 * a bound is missed. Machines are noisy: look at the ratios.
 *
 *   make bench
 */
import process from 'node:process'
import {cliFigures} from './cli.ts'
import {benchHost} from './host.ts'
import {memoryFigures} from './memory.ts'
import {startFigure} from './start.ts'
import {publish} from './statistics.ts'

await using host = await benchHost()
const figures = [await startFigure(host), ...(await memoryFigures(host)), ...(await cliFigures())]
if (!figures.map(publish).every(held => held)) process.exitCode = 1
