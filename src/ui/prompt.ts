import process from 'node:process'

/** Whether there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Asks on standard error, so that an answer in a pipe stays clean. Ctrl-C, Ctrl-D and anything but yes mean no. */
export async function confirm(question: string, whenEmpty: boolean): Promise<boolean> {
  const {createInterface} = await import('node:readline/promises')
  const terminal = createInterface({input: process.stdin, output: process.stderr})
  const gone = new Promise<string>(resolve => terminal.once('close', () => resolve('no')))
  try {
    const answer = await Promise.race([
      terminal.question(`${question} ${whenEmpty ? '[Y/n]' : '[y/N]'} `),
      gone,
    ])
    const word = answer.trim().toLowerCase()
    return word === '' ? whenEmpty : word === 'y' || word === 'yes'
  } catch {
    return false
  } finally {
    terminal.close()
  }
}
