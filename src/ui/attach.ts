import {closeSync} from 'node:fs'
import {flushCompileCache} from 'node:module'
import {constants} from 'node:os'
import {ExitCode, VpsError} from '../errors.ts'

/** Becomes vps-attach, so that an open shell costs no Node process; never returns. */
export async function becomeAttach(words: Buffer): Promise<never> {
  const {execAttach, nativeFile} = await import('../native/index.ts')
  flushCompileCache()
  return execAttach(nativeFile('vps-attach'), words)
}

/** A vps-attach that runs beside us, for verbs that have something left to do when it ends. */
export interface AttachChild {
  /** Sends it a signal; it takes its command down with it. */
  readonly kill: (signal: NodeJS.Signals) => void
  /** Its exit status, 128+n when signal n ended it. */
  readonly status: Promise<number>
}

/** Starts vps-attach with our standard streams. */
export async function spawnAttach(words: Buffer): Promise<AttachChild> {
  const [{spawn}, {memfd, nativeFile}] = await Promise.all([
    import('node:child_process'),
    import('../native/index.ts'),
  ])
  const fd = memfd('vps-attach', words)
  const child = spawn(nativeFile('vps-attach'), [], {stdio: ['inherit', 'inherit', 'inherit', fd]})
  closeSync(fd)
  return {
    kill: signal => child.kill(signal),
    status: new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)))
    }),
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : (constants.signals[signal] ?? 0)
}

/** Reads `K=V` words of `--env`. Throws VpsError WRONG_USE for a word without a name or `=`. */
export function environmentOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map(word => {
      const at = word.indexOf('=')
      if (at > 0) return [word.slice(0, at), word.slice(at + 1)]
      throw new VpsError('WRONG_USE', `--env takes NAME=VALUE, not ${JSON.stringify(word)}`, {
        exitCode: ExitCode.wrongUse,
      })
    }),
  )
}
