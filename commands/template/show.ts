import {string as word} from '@oclif/core/args'
import {loadTemplate, type ParameterSpec} from '../../src/image/index.ts'
import {Host} from '../../src/server/index.ts'
import {fields, table, VpsCommand} from '../../src/ui/index.ts'

export default class TemplateShow extends VpsCommand {
  static override summary = 'Show a template: how it is made, and its parameters.'
  static override description =
    'Parameters are given in a definition as `template: {name: debian, suite: bookworm}`, or to `vps image build`. With --json the whole recipe.'
  static override examples = ['vps template show debian']
  static override args = {template: word({description: 'The template.', required: true})}

  async run(): Promise<void> {
    const [name = ''] = this.settle(await this.parse(TemplateShow))
    const host = await Host.open()
    const recipe = await loadTemplate(name, host.paths)
    await this.answer(recipe, () => {
      const about = fields(
        [
          ['name', recipe.name],
          ['about', recipe.description.trim()],
          ['made by', recipe.builder],
          ['file', recipe.file],
        ],
        this.paint,
      )
      const parameters = Object.entries(recipe.parameters)
      if (parameters.length === 0) return about
      return `${about}\n\n${table(
        parameters,
        [
          {title: 'PARAMETER', value: ([key]) => key},
          {title: 'TYPE', value: ([, spec]) => spec.type},
          {title: 'DEFAULT', value: ([, spec]) => defaultWords(spec)},
          {title: 'WHAT', value: ([, spec]) => spec.description},
        ],
        this.paint,
      )}`
    })
  }
}

function defaultWords(spec: ParameterSpec): string {
  if (spec.default === undefined) return 'required'
  return typeof spec.default === 'string' ? spec.default : JSON.stringify(spec.default)
}
