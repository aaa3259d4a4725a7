import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {buildImage} from '../../src/image/index.ts'
import {Host} from '../../src/server/index.ts'
import {bytes, parameters, progressLine, VpsCommand} from '../../src/ui/index.ts'

export default class ImageBuild extends VpsCommand {
  static override summary = 'Build the image of a template now.'
  static override description =
    '`vps create` does it by itself when there is none; this does it beforehand, or anew for newer packages (refused while servers use it). Parameters are YAML; `vps template show` lists them. An interrupted build leaves nothing behind.'
  static override usage = 'TEMPLATE [PARAMETER=value…]'
  static override examples = [
    'vps image build debian',
    "vps image build debian suite=bookworm 'packages=[nginx, curl]'",
    'vps image build tarball source=/srv/rootfs.tar.xz',
  ]
  static override strict = false
  static override args = {
    template: word({description: 'The template.', required: true}),
    parameters: word({description: 'Its parameters, as in the definition.'}),
  }

  async run(): Promise<void> {
    const [name = '', ...words] = this.settle(await this.parse(ImageBuild))
    const choice = {...(await parameters(words)), name}
    const {paths} = await Host.open()
    const progress = progressLine()
    const image = await buildImage(choice, {
      paths,
      progress: progress.report,
      directory: process.cwd(),
    }).finally(progress.end)
    await this.answer(image, () => `${image.id}: built, ${bytes(image.sizeBytes)}`)
  }
}
