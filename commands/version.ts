import process from 'node:process'
import {VpsCommand} from '../src/ui/index.ts'

export default class Version extends VpsCommand {
  static override summary = 'Say which vps this is.'
  static override description = 'With --json also the versions of Node and of the running kernel.'
  static override examples = ['vps version', 'vps version --json']

  async run(): Promise<void> {
    this.settle(await this.parse(Version))
    const {version} = this.config
    if (!this.json) return this.print(version)
    const {release} = await import('node:os')
    await this.answer(
      {version, node: process.versions.node, kernel: release(), architecture: process.arch},
      () => version,
    )
  }
}
