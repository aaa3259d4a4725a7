import {spawn} from 'node:child_process'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {constants, tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host, type SetReport} from '../src/server/index.ts'
import {canAsk, changeText, confirm, notice, paintFor, renderError, VpsCommand} from '../src/ui/index.ts'

export default class Edit extends VpsCommand {
  static override summary = "Edit a server's definition in your editor."
  static override description =
    'Opens a copy of the definition in $VISUAL or $EDITOR (else vi). What you saved is checked first; if it has errors they are shown and you may go on editing. Only a valid definition takes the place of the old one. Says what is in effect at once and what waits for a restart.'
  static override examples = ['vps edit web1', 'EDITOR=nano vps edit web1']
  static override args = {name: word({description: 'The server.', required: true})}

  async run(): Promise<void> {
    const [name = ''] = this.settle(await this.parse(Edit))
    const host = await Host.open({notice})
    const {files} = await host.show(name)
    const directory = await mkdtemp(join(tmpdir(), 'vps-edit-'))
    try {
      const report = await edit(host, name, files.definition, join(directory, `${name}.yaml`))
      await this.answer(report, () => changeText(report))
    } finally {
      await rm(directory, {recursive: true, force: true})
    }
  }
}

/** Edits the copy until it is taken, unchanged, or given up. */
async function edit(host: Host, name: string, original: string, copy: string): Promise<SetReport> {
  const before = await readFile(original, 'utf8')
  await writeFile(copy, before, {mode: 0o600})
  for (;;) {
    await openEditor(copy)
    const after = await readFile(copy, 'utf8')
    if (after === before) return {name, live: [], afterRestart: []}
    if ((await readFile(original, 'utf8')) !== before) throw changedMeanwhile(original)
    try {
      return await host.replaceDefinition(name, after)
    } catch (error) {
      if (!isAboutTheText(error) || !canAsk()) throw error
      process.stderr.write(`${renderError(error, paintFor(process.stderr))}\n`)
      if (!(await confirm('Edit it again?', true)))
        throw new VpsError('NOT_CHANGED', `${name} was not changed`)
    }
  }
}

function isAboutTheText(error: unknown): boolean {
  return error instanceof VpsError && error.exitCode === ExitCode.wrongUse
}

/** $VISUAL and $EDITOR may hold flags (`code --wait`), so a shell reads them, as git and sudoedit do. */
async function openEditor(file: string): Promise<void> {
  const editor = process.env.VISUAL || process.env.EDITOR || 'vi'
  const child = spawn('/bin/sh', ['-c', `${editor} "$@"`, editor, file], {stdio: 'inherit'})
  const ignore = () => {}
  process.on('SIGINT', ignore) // Ctrl-C belongs to the editor
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      )
    })
    if (status === 0) return
    throw new VpsError(
      'EDITOR_FAILED',
      `the editor ${editor} ended with status ${status}; nothing was changed`,
    )
  } finally {
    process.off('SIGINT', ignore)
  }
}

function changedMeanwhile(file: string): VpsError {
  return new VpsError(
    'CHANGED_MEANWHILE',
    `${file} was changed by somebody else meanwhile; your changes were not taken`,
    {
      suggestions: ['edit it again'],
    },
  )
}
