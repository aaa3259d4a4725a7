import {boolean} from '@oclif/core/flags'
import {jsonSchema} from '../src/definition/index.ts'
import {fleetJsonSchema} from '../src/fleet/index.ts'
import {toJson, VpsCommand, write} from '../src/ui/index.ts'

export default class Schema extends VpsCommand {
  static override summary = 'Print the JSON Schema of the definition, or of fleet files.'
  static override description =
    'For editors, so that they complete and check keys while you type. In VS Code with the YAML extension, or any editor that uses yaml-language-server, put this line first in a definition:\n\n  # yaml-language-server: $schema=/etc/vps/schema.json'
  static override examples = [
    'vps schema > /etc/vps/schema.json',
    'vps schema --fleet > /etc/vps/fleet.schema.json',
  ]
  static override flags = {fleet: boolean({description: 'The schema of fleet files.'})}

  async run(): Promise<void> {
    const parsed = await this.parse(Schema)
    this.settle(parsed)
    await write(toJson(parsed.flags.fleet ? fleetJsonSchema() : jsonSchema()))
  }
}
