/** Breaks paragraphs at spaces so that no line is longer than `width`; lines after the first are indented by `hanging`. */
export function wrap(text: string, width: number, hanging: number): string {
  const room = Math.max(20, width)
  const lines = text.split('\n').flatMap(line => wrapLine(line, room))
  return lines
    .map((line, index) => (index === 0 || line === '' ? line : ' '.repeat(hanging) + line))
    .join('\n')
}

/** A line that starts with spaces is laid out by its author and stays as it is. */
function wrapLine(line: string, width: number): string[] {
  if (line.length <= width || line.startsWith(' ')) return [line]
  const lines: string[] = []
  let current = ''
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current)
      current = word
    } else {
      current = current === '' ? word : `${current} ${word}`
    }
  }
  return [...lines, current]
}

export function indent(text: string, by: number): string {
  return text
    .split('\n')
    .map(line => (line === '' ? line : ' '.repeat(by) + line))
    .join('\n')
}
