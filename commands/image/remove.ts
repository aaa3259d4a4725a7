import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../../src/errors.ts'
import {imageUsers, listImages, removeImage} from '../../src/image/index.ts'
import {Host} from '../../src/server/index.ts'
import {reportEach, VpsCommand} from '../../src/ui/index.ts'

export default class ImageRemove extends VpsCommand {
  static override summary = 'Remove images.'
  static override description =
    'An image that servers use is refused. --unused takes all that no server uses.'
  static override usage = 'IMAGE… | --unused'
  static override examples = ['vps image remove debian-3f2a91c07b5d', 'vps image remove --unused']
  static override strict = false
  static override args = {images: word({description: 'Images to remove.'})}
  static override flags = {unused: boolean({description: 'All images that no server uses.'})}

  async run(): Promise<void> {
    const parsed = await this.parse(ImageRemove)
    const named = this.settle(parsed)
    const unused = parsed.flags.unused === true
    if (unused === named.length > 0) {
      throw new VpsError(
        'WRONG_USE',
        unused ? 'names and --unused exclude each other' : 'no image is named',
        {
          exitCode: ExitCode.wrongUse,
          suggestions: ['vps image remove IMAGE…, or vps image remove --unused'],
        },
      )
    }
    const {paths} = await Host.open()
    const ids = unused ? await unusedImages(paths) : named
    process.exitCode = await reportEach(ids, {
      json: this.json,
      work: async (id, progress) => {
        await removeImage(id, {paths, progress})
        return {}
      },
      text: (_, id) => `${id}: removed`,
    })
  }
}

async function unusedImages(paths: Host['paths']): Promise<string[]> {
  const images = await listImages(paths)
  const used = await Promise.all(images.map(async ({id}) => (await imageUsers(paths, id)).length > 0))
  return images.filter((_, index) => used[index] === false).map(({id}) => id)
}
