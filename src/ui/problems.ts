import type {Problem} from '../definition/index.ts'
import type {Paint} from './color.ts'

/** A problem of a definition or a profile, as `--json` prints it. */
export function problemJson({grade, message, origin, suggestion}: Problem): object {
  return {
    grade,
    message,
    file: origin.file,
    line: origin.line,
    column: origin.column,
    key: origin.key,
    ...(suggestion !== undefined && {suggestion}),
  }
}

/** The grade in its colour; the rest of the rendering stays as the definition room made it. */
export function paintProblems(text: string, paint: Paint): string {
  return text.replaceAll(
    /^(\S.*?:\d+:\d+: )(error|warning|recommendation)(?=: )/gm,
    (_, place: string, grade: string) =>
      paint('strong', place) + paint(grade === 'error' ? 'bad' : 'warning', grade),
  )
}
