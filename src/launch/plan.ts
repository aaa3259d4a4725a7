import type {Origin} from '../definition/index.ts'

/** One step: an operation that C knows (`native/common/plan.c` has the list), its arguments, and where it came from. */
export interface LaunchStep {
  readonly op: string
  readonly arguments: readonly string[]
  /** The place in the YAML that a fault of this step is reported at; null for what vps does by itself. */
  readonly origin: Origin | null
}

/** Everything it takes to start a server, as data. C runs it and decides nothing. */
export interface LaunchPlan {
  /** Facts about the server and how it is to be looked after, by name. */
  readonly settings: Readonly<Record<string, string>>
  readonly steps: readonly LaunchStep[]
}

/** `web1.yaml:14:5 mounts[2].source`, as messages show it. */
export function originText(origin: Origin | null): string {
  if (!origin) return ''
  const file = origin.file.slice(origin.file.lastIndexOf('/') + 1)
  return `${file}:${origin.line}:${origin.column} ${origin.key}`.trimEnd()
}

/**
 * The plan as C reads it: NUL-terminated words, no quoting (see `native/common/plan.h`).
 * @throws RangeError when a word contains a NUL
 */
export function encode(plan: LaunchPlan): Buffer {
  const words = [
    'vps-plan',
    '1',
    ...Object.entries(plan.settings).flatMap(([key, value]) => ['set', key, value]),
    ...plan.steps.flatMap(step => [
      'step',
      step.op,
      originText(step.origin),
      String(step.arguments.length),
      ...step.arguments,
    ]),
    'end',
  ]
  const bad = words.find(word => word.includes('\0'))
  if (bad !== undefined) throw new RangeError(`a word of the plan contains a NUL: ${JSON.stringify(bad)}`)
  return Buffer.from(`${words.join('\0')}\0`)
}
