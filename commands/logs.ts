import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {Host} from '../src/server/index.ts'
import {countFlag, VpsCommand, write} from '../src/ui/index.ts'

export default class Logs extends VpsCommand {
  static override summary = "Print what a server's console said."
  static override description =
    'The console is kept in files of 1 MiB each, four of them (console.size and console.files of the definition), also of a stopped server. With --json: one object {server, line} a line.'
  static override examples = [
    'vps logs web1',
    'vps logs web1 -n 50',
    {description: 'go on as it comes', command: 'vps logs web1 -f'},
  ]
  static override args = {name: word({description: 'The server.', required: true})}
  static override flags = {
    follow: boolean({char: 'f', description: 'Go on printing what comes, until Ctrl-C.'}),
    lines: countFlag({char: 'n', description: 'Only the last N lines of what is there.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Logs)
    const [name = ''] = this.settle(parsed)
    const {follow, lines} = parsed.flags
    const host = await Host.open()
    const chunks = host.logs(name, {...(lines !== undefined && {lines}), follow})
    for await (const chunk of this.json ? jsonLines(name, chunks) : chunks) {
      if (!(await write(chunk))) return
    }
  }
}

async function* jsonLines(server: string, chunks: AsyncIterable<Buffer>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, {stream: true})).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield jsonLine(server, line)
  }
  if (rest !== '') yield jsonLine(server, rest)
}

function jsonLine(server: string, line: string): string {
  return `${JSON.stringify({server, line: line.replace(/\r$/, '')})}\n`
}
