import {basename} from 'node:path'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** What stands before and behind all others: the check of what a suite leaves behind. */
const AROUND = /^(00|zz)-/

/** Files in the order of their names, so that the leak check (`zz-leaks`) is the last. */
export class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1))
  }

  /** With `--shard`, every other file; each part has the leak check. */
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const {index = 1, count = 1} = this.ctx.config.shard ?? {}
    const isAround = ({moduleId}: TestSpecification): boolean => AROUND.test(basename(moduleId))
    const others = (await this.sort(files)).filter(file => !isAround(file))
    return [...files.filter(isAround), ...others.filter((_, at) => at % count === index - 1)]
  }
}
