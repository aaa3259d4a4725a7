import {Host} from '../../src/server/index.ts'
import {table, VpsCommand} from '../../src/ui/index.ts'

export default class TemplateList extends VpsCommand {
  static override summary = 'List templates.'
  static override description =
    'A template in /etc/vps/templates takes the place of the built-in one with the same name.'
  static override examples = ['vps template list']

  async run(): Promise<void> {
    this.settle(await this.parse(TemplateList))
    const host = await Host.open()
    const templates = await host.templates()
    await this.answer(templates, () =>
      table(
        templates,
        [
          {title: 'NAME', value: template => template.name},
          {title: 'FROM', value: template => (template.own ? template.file : 'built in')},
        ],
        this.paint,
      ),
    )
  }
}
