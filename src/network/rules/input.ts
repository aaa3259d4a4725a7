import type {Loaded} from '../../definition/index.ts'
import type {Grant} from '../assign.ts'

/** What a server's part in the rules is made from. */
export interface RulesInput {
  readonly table: string
  readonly loaded: Loaded
  /** The host's ends of its routed links, by the names of the links. */
  readonly hosts: ReadonlyMap<string, string>
  readonly grants: readonly Grant[]
}
