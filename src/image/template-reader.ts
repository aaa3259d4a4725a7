import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import {ExitCode, VpsError} from '../errors.ts'

/** A key of a map with its value, and where both are. */
export interface Field {
  readonly key: string
  readonly keyNode: Node | undefined
  readonly value: Node | undefined
}

/** Reads one YAML file key by key and collects every problem, each as `file:line:column: sentence`. */
export class TemplateReader {
  readonly file: string
  readonly #problems: {line: number; column: number; message: string}[] = []
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed

  constructor(text: string, file: string) {
    this.file = file
    this.#document = parseDocument(text, {lineCounter: this.#lines, prettyErrors: false})
    for (const error of this.#document.errors) this.#report(error.message, error.pos[0])
  }

  get root(): Node | undefined {
    return this.#document.contents ?? undefined
  }

  problem(node: Node | undefined, message: string): void {
    this.#report(message, node?.range?.[0] ?? 0)
  }

  /** @throws VpsError INVALID_TEMPLATE (exit 2) with all problems */
  finish(): void {
    if (this.#problems.length === 0) return
    const inOrder = this.#problems.sort((a, b) => a.line - b.line || a.column - b.column)
    const lines = inOrder.map(({line, column, message}) => `${this.file}:${line}:${column}: ${message}`)
    throw new VpsError('INVALID_TEMPLATE', `the template is invalid:\n${lines.join('\n')}`, {
      exitCode: ExitCode.wrongUse,
    })
  }

  fields(node: Node | undefined, what: string): Field[] {
    if (node === undefined || (isScalar(node) && node.value === null)) return []
    if (!isMap(node)) {
      this.problem(node, `${what} must be a map`)
      return []
    }
    return (node as YAMLMap<Node, Node | null>).items.map(item => this.#field(item))
  }

  items(node: Node | undefined, what: string): Node[] {
    if (node === undefined || (isScalar(node) && node.value === null)) return []
    if (isSeq(node)) return node.items as Node[]
    this.problem(node, `${what} must be a list`)
    return []
  }

  string(node: Node | undefined, what: string): string | undefined {
    if (isScalar(node) && typeof node.value === 'string') return node.value
    this.problem(node, `${what} must be a text`)
    return undefined
  }

  integer(node: Node | undefined, what: string): number | undefined {
    if (isScalar(node) && typeof node.value === 'number' && Number.isSafeInteger(node.value))
      return node.value
    this.problem(node, `${what} must be a whole number`)
    return undefined
  }

  /** Permission bits, always octal: 0755, "0755" and 755 are the same. */
  mode(node: Node | undefined, what: string): number | undefined {
    const text = isScalar(node) ? (node.source ?? String(node.value)) : ''
    if (/^(0o)?[0-7]{1,5}$/.test(text) && Number.parseInt(text.replace('0o', ''), 8) <= 0o7777)
      return Number.parseInt(text.replace('0o', ''), 8)
    this.problem(node, `${what} must be permission bits such as 0644`)
    return undefined
  }

  /** A plain value, for defaults of parameters. */
  plain(node: Node | undefined): unknown {
    return node?.toJS(this.#document)
  }

  isNull(node: Node | undefined): boolean {
    return node === undefined || (isScalar(node) && node.value === null)
  }

  #field(pair: Pair<Node, Node | null>): Field {
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
    return {key, keyNode: pair.key, value: pair.value ?? undefined}
  }

  #report(message: string, offset: number): void {
    const {line, col} = this.#lines.linePos(offset)
    this.#problems.push({line: Math.max(line, 1), column: Math.max(col, 1), message})
  }
}
