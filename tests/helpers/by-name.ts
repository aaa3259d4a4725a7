import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** Files in the order of their names, so that the leak check (`zz-leaks`) is the last. */
export class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1))
  }
}
