import {spawn} from 'node:child_process'
import {text as readAll} from 'node:stream/consumers'
import {ExitCode, VpsError} from '../../errors.ts'
import {errno} from '../../host/index.ts'

/** Runs nft with `input` as its commands; all of them are done, or none. @throws VpsError NFT_FAILED, HOST_CANNOT (exit 5) */
export async function nft(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('nft', args, {stdio: ['pipe', 'pipe', 'pipe'], env: {PATH}})
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  child.stdin.on('error', () => {}) // it may be gone before it has read all
  child.stdin.end(input)
  const [code, out, err] = await Promise.all([ended, readAll(child.stdout), readAll(child.stderr)]).catch(
    error => {
      throw cannotRun(error)
    },
  )
  if (code === 0) return out
  throw new VpsError('NFT_FAILED', `nft refused: ${firstLine(err)}`, {
    suggestions: ['run `vps doctor`: this kernel may lack something of nftables'],
    exitCode: ExitCode.hostCannot,
  })
}

const PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin'

function firstLine(text: string): string {
  return text.split('\n').find(line => line.trim() !== '') ?? 'it did not say why'
}

function cannotRun(error: unknown): VpsError {
  if (errno(error) !== 'ENOENT') return new VpsError('NFT_FAILED', 'cannot run nft', {cause: error})
  return new VpsError('HOST_CANNOT', 'this host has no nft, which servers with links need', {
    suggestions: ['install it: apt-get install nftables', 'or write `network: none` or `network: host`'],
    exitCode: ExitCode.hostCannot,
  })
}
