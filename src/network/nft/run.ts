import {ExitCode, VpsError} from '../../errors.ts'
import {errno} from '../../host/index.ts'
import {runProgram, SYSTEM_PATH} from '../../native/index.ts'

/** Runs nft with `input` as its commands; all of them are done, or none. @throws VpsError NFT_FAILED, HOST_CANNOT (exit 5) */
export async function nft(args: readonly string[], input = ''): Promise<string> {
  const {code, stdout, stderr} = await runProgram('nft', args, {input, env: {PATH: SYSTEM_PATH}}).catch(
    error => {
      throw cannotRun(error)
    },
  )
  if (code === 0) return stdout
  throw new VpsError('NFT_FAILED', `nft refused: ${firstLine(stderr)}`, {
    suggestions: ['run `vps doctor`: this kernel may lack something of nftables'],
    exitCode: ExitCode.hostCannot,
  })
}

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
