import {type ImageInfo, imageUsers, listImages} from '../../src/image/index.ts'
import {Host} from '../../src/server/index.ts'
import {bytes, type Paint, since, table, VpsCommand} from '../../src/ui/index.ts'

type Row = ImageInfo & {readonly servers: readonly string[]}

export default class ImageList extends VpsCommand {
  static override summary = 'List images: template, size, age, the servers on them.'
  static override description =
    'An image is made the first time a server needs it, and shared by all servers of the same template and parameters.'
  static override examples = [
    'vps image list',
    {description: 'unused ones', command: `vps image list --json | jq -r '.[] | select(.servers == []).id'`},
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(ImageList))
    const {paths} = await Host.open()
    const rows = await Promise.all(
      (await listImages(paths)).map(async image => ({...image, servers: await imageUsers(paths, image.id)})),
    )
    await this.answer(rows, () =>
      rows.length === 0
        ? 'There are no images yet. The first `vps create` makes one.'
        : imageTable(rows, this.paint),
    )
  }
}

function imageTable(rows: readonly Row[], paint: Paint): string {
  return table(
    rows,
    [
      {title: 'IMAGE', value: row => row.id},
      {title: 'TEMPLATE', value: row => row.template},
      {title: 'SIZE', value: row => bytes(row.sizeBytes), right: true},
      {title: 'AGE', value: row => since(row.created), right: true},
      {title: 'SERVERS', value: row => row.servers.join(',')},
    ],
    paint,
  )
}
