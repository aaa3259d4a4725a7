import {statSync} from 'node:fs'
import {basename} from 'node:path'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** What stands before and behind all others: the check of what a suite leaves behind. */
const AROUND = /^(00|zz)-/

/** Files in the order of their names, so that the leak check (`zz-leaks`) is the last. */
export class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1))
  }

  /** With `--shard`, about as much for each part: long files take long. Each part has the leak check. */
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const {index = 1, count = 1} = this.ctx.config.shard ?? {}
    const isAround = ({moduleId}: TestSpecification): boolean => AROUND.test(basename(moduleId))
    const parts = Array.from({length: count}, () => ({size: 0, files: files.filter(isAround)}))
    const sized = (await this.sort(files))
      .filter(file => !isAround(file))
      .map(file => ({file, size: statSync(file.moduleId).size}))
    for (const {file, size} of sized.toSorted((a, b) => b.size - a.size)) {
      const lightest = parts.reduce((least, part) => (part.size < least.size ? part : least))
      lightest.size += size
      lightest.files.push(file)
    }
    return parts[index - 1]?.files ?? []
  }
}
