import {originOf, parseSource, type Source} from './document.ts'
import type {Values} from './layers.ts'
import {type Loaded, parseDefinition} from './parse.ts'
import {writtenData} from './plain.ts'
import {keyText, type Origin, type Path} from './problems.ts'
import {type Definition, definitionSchema} from './schema.ts'
import {yamlText} from './yaml-text.ts'

/** What is written of one key of a definition: whole lines. */
class Part {
  readonly key: string
  readonly text: string
  readonly lines: number
  readonly #isPlain: boolean
  #source: Source | undefined

  /** @param isPlain nothing is below the key */
  constructor(key: string, text: string, isPlain: boolean) {
    this.key = key
    this.text = text
    this.#isPlain = isPlain
    this.lines = text.split('\n').length - 1
  }

  /** Where `path`, which begins with the key, stands in it. Only for what is below the key it has to be read. */
  originOf(path: Path): Pick<Origin, 'line' | 'column'> {
    if (path.length === 1 || this.#isPlain) return {line: 1, column: 1}
    this.#source ??= parseSource(this.text, '').source
    return originOf(this.#source, path)
  }
}

/** The text of a definition, and where in it things stand: whoever wrote it need not read it again. */
export class WrittenText {
  readonly text: string
  readonly #headLines: number
  readonly #parts: readonly Part[]

  /** @param head lines of comment above all */
  constructor(head: string, parts: readonly Part[]) {
    this.text = head + parts.map(({text}) => text).join('')
    this.#headLines = head.split('\n').length - 1
    this.#parts = parts
  }

  /**
   * As `parseDefinition` of the text would have it, which is done only where the answer needs it.
   * @param definition what the text says; profiles of the host have no part in it
   * @param file where the text is to stand
   */
  loaded(definition: Definition, file: string): Loaded {
    const {text} = this
    let parsed: Loaded | undefined
    return {
      definition,
      file,
      text,
      texts: new Map([[file, text]]),
      problems: [],
      origin: path => this.#originOf(file, path),
      written: path => {
        parsed ??= parseDefinition(text, {file, name: definition.name})
        return parsed.written(path)
      },
    }
  }

  #originOf(file: string, path: Path): Origin {
    let above = this.#headLines
    for (const part of this.#parts) {
      if (part.key === path[0]) {
        const {line, column} = part.originOf(path)
        return {file, line: above + line, column, key: keyText(path)}
      }
      above += part.lines
    }
    return {file, line: this.#headLines + 1, column: 1, key: keyText(path)}
  }
}

/** Writes the definitions of many servers: what several of them share is written once. */
export class DefinitionWriter {
  readonly #lowest = new WeakMap<object, Part>()
  readonly #above = new WeakMap<object, Part>()

  /**
   * Values as YAML that reads back the same, in the order of the schema.
   * @param head lines of comment to begin with
   */
  write(values: Values, head = ''): WrittenText {
    // A null takes back what a layer below says; without one it says nothing.
    const isLowest = !Object.hasOwn(values, 'profiles')
    const names = Object.keys(definitionSchema.keys).filter(name => Object.hasOwn(values, name))
    const parts = names.map(name => this.#part(name, values[name], isLowest))
    return new WrittenText(
      head,
      parts.filter(({text}) => text !== ''),
    )
  }

  #part(name: string, value: unknown, isLowest: boolean): Part {
    const isPlain = typeof value !== 'object' || value === null
    const make = () => {
      const data = writtenData(definitionSchema, {[name]: value}, isLowest) as Values
      return new Part(name, Object.keys(data).length === 0 ? '' : yamlText(data), isPlain)
    }
    if (isPlain) return make()
    const known = isLowest ? this.#lowest : this.#above
    const part = known.get(value) ?? make()
    known.set(value, part)
    return part
  }
}
