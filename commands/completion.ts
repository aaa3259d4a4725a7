import {string as word} from '@oclif/core/args'
import {definitionKeys} from '../src/definition/index.ts'
import {completionScript, readManifest, VpsCommand, write} from '../src/ui/index.ts'

export default class Completion extends VpsCommand {
  static override summary = 'Print the completion script for bash or zsh.'
  static override description =
    'It completes commands, flags, names of servers, profiles, templates and images, and the keys of a definition for `set`. Names are read from the file system, so Tab is as fast as `ls`.'
  static override usage = 'bash | zsh'
  static override examples = [
    {description: 'bash, for everybody', command: 'vps completion bash > /etc/bash_completion.d/vps'},
    {description: 'bash, in this shell', command: 'source <(vps completion bash)'},
    {
      description: 'zsh, for everybody',
      command: 'vps completion zsh > /usr/local/share/zsh/site-functions/_vps',
    },
  ]
  static override args = {
    shell: word({description: 'The shell.', options: ['bash', 'zsh'], required: true}),
  }

  async run(): Promise<void> {
    const [shell] = this.settle(await this.parse(Completion))
    const {root} = this.config
    const script = completionScript(
      shell === 'zsh' ? 'zsh' : 'bash',
      readManifest(root),
      root,
      definitionKeys(),
    )
    if (this.json) await this.answer({shell, script}, () => script)
    else await write(script)
  }
}
