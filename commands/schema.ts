import {jsonSchema} from '../src/definition/index.ts'
import {toJson, VpsCommand, write} from '../src/ui/index.ts'

export default class Schema extends VpsCommand {
  static override summary = 'Print the JSON Schema of the definition.'
  static override description =
    'For editors, so that they complete and check keys while you type. In VS Code with the YAML extension, or any editor that uses yaml-language-server, put this line first in a definition:\n\n  # yaml-language-server: $schema=/etc/vps/schema.json'
  static override examples = ['vps schema > /etc/vps/schema.json']

  async run(): Promise<void> {
    this.settle(await this.parse(Schema))
    await write(toJson(jsonSchema()))
  }
}
