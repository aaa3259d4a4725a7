import type {Loaded, Path} from '../definition/index.ts'
import type {LaunchStep} from './plan.ts'

/** A step that vps takes by itself. */
export function own(op: string, ...args: string[]): LaunchStep {
  return {op, arguments: args, origin: null}
}

/** A step that a key of the definition asks for. */
export function from(loaded: Loaded, key: Path, op: string, ...args: string[]): LaunchStep {
  return {op, arguments: args, origin: loaded.origin(key)}
}
