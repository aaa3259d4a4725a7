// Runs rings of tests in the guest, one vitest per ring, and brings their results back to build/vm/results.
import {mkdir, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {rings} from './files.ts'
import type {Machine} from './qemu.ts'
import {cacheDirectory} from './recipe.ts'
import {within} from './time.ts'
import {resultsDirectory, vitestCommand} from './vitest.ts'

/** Seconds: for one ring, and without any output. */
const ringLimit = Number(process.env.VPS_VM_RING_TIMEOUT ?? 1500)
const silenceLimit = Number(process.env.VPS_VM_SILENCE_TIMEOUT ?? 300)

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: {status: string; assertionResults: unknown[]}[]
}

interface Count {
  passed: number
  failed: number
  skipped: number
  files: {passed: number; failed: number}
}

/** Runs them all, even after a failure; returns the driver's exit status. */
export async function runRings(
  machine: Machine,
  asked: string[],
  vitestArguments: string[],
): Promise<number> {
  const wanted = asked.length > 0 ? asked : rings
  const results = join(cacheDirectory, 'results')
  await rm(results, {recursive: true, force: true})
  await mkdir(results, {recursive: true})
  const start = performance.now()
  const total: Count = {passed: 0, failed: 0, skipped: 0, files: {passed: 0, failed: 0}}
  let status = 0
  for (const ring of wanted) {
    console.log(`\nvm: ring ${ring}`)
    const ringStatus = await runRing(machine, ring, vitestArguments)
    const report = await fetchResults(machine, ring, results)
    add(total, report ? count(report) : {passed: 0, failed: 1, skipped: 0, files: {passed: 0, failed: 1}})
    if (ringStatus !== 0)
      console.log(`vm: ring ${ring} ended with status ${ringStatus}${report ? '' : ', no results'}`)
    status ||= ringStatus
  }
  if (total.failed > 0) status ||= 1
  console.log(summary(total, performance.now() - start))
  return status
}

async function runRing(machine: Machine, ring: string, vitestArguments: string[]): Promise<number> {
  const silence = Promise.withResolvers<never>()
  const quiet = () => silence.reject(new Error(`ring ${ring}: no output for ${silenceLimit} s`))
  let timer = setTimeout(quiet, silenceLimit * 1000)
  const running = machine.agent.run({
    argv: ['sh', '-c', vitestCommand(ring, vitestArguments)],
    cwd: '/vps',
    onOutput: (bytes, stream) => {
      clearTimeout(timer)
      timer = setTimeout(quiet, silenceLimit * 1000)
      process[stream].write(bytes)
    },
  })
  try {
    const {status} = await within(ringLimit, `ring ${ring}`, Promise.race([running, silence.promise]))
    return status
  } catch (error) {
    await printProcesses(machine)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** What hangs? Asked through the second agent, because the first one is busy with it. */
async function printProcesses({rescue}: Machine): Promise<void> {
  const script = 'ps -eo pid,ppid,stat,wchan:24,etimes,args --forest | grep -v "\\]$"; dmesg | tail -n 20'
  const looked = within(15, 'a look at the processes', rescue.run({argv: ['sh', '-c', script]}))
  const outcome = await looked.catch((error: Error) => ({stdout: error.message}))
  console.error(`vm: processes and kernel messages of the test host:\n${outcome.stdout}`)
}

async function fetchResults(machine: Machine, ring: string, directory: string): Promise<Report | undefined> {
  let report: Report | undefined
  for (const extension of ['json', 'xml']) {
    const file = `${ring}.${extension}`
    const argv = ['cat', `${resultsDirectory}/${file}`]
    const {status, stdout} = await within(60, 'fetching results', machine.agent.run({argv}))
    if (status !== 0) continue
    await writeFile(join(directory, file), stdout)
    if (extension === 'json') report = JSON.parse(stdout) as Report
  }
  return report
}

/** A file that cannot even be loaded has no test that failed; it counts as one. */
function count(report: Report): Count {
  const broken = report.testResults.filter(({status, assertionResults}) => {
    return status === 'failed' && assertionResults.length === 0
  })
  const failedFiles = report.testResults.filter(({status}) => status === 'failed').length
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
    files: {passed: report.testResults.length - failedFiles, failed: failedFiles},
  }
}

function add(total: Count, one: Count): void {
  total.passed += one.passed
  total.failed += one.failed
  total.skipped += one.skipped
  total.files.passed += one.files.passed
  total.files.failed += one.files.failed
}

/** In vitest's own form, then the two numbers alone on a line. */
function summary({passed, failed, skipped, files}: Count, milliseconds: number): string {
  const line = (parts: [number, string][], all: number) => {
    const shown = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`)
    return `${shown.join(' | ') || 'no tests'} (${all})`
  }
  const tests: [number, string][] = [
    [failed, 'failed'],
    [passed, 'passed'],
    [skipped, 'skipped'],
  ]
  const testFiles: [number, string][] = [
    [files.failed, 'failed'],
    [files.passed, 'passed'],
  ]
  return [
    '',
    ` Test Files  ${line(testFiles, files.passed + files.failed)}`,
    `      Tests  ${line(tests, passed + failed + skipped)}`,
    `   Duration  ${(milliseconds / 1000).toFixed(2)}s in the test host`,
    '',
    `${passed} passed, ${failed} failed`,
  ].join('\n')
}
