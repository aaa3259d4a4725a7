import type {Values} from './layers.ts'
import {writtenData} from './plain.ts'
import {definitionSchema} from './schema.ts'
import {yamlText} from './yaml-text.ts'

/** Writes the definitions of many servers: what several of them share is written once. */
export class DefinitionWriter {
  readonly #lowest = new WeakMap<object, string>()
  readonly #above = new WeakMap<object, string>()

  /** Values as YAML that reads back the same, in the order of the schema. */
  write(values: Values): string {
    // A null takes back what a layer below says; without one it says nothing.
    const isLowest = !Object.hasOwn(values, 'profiles')
    let text = ''
    for (const name of Object.keys(definitionSchema.keys)) {
      if (Object.hasOwn(values, name)) text += this.#pair(name, values[name], isLowest)
    }
    return text
  }

  #pair(name: string, value: unknown, isLowest: boolean): string {
    const make = () => {
      const data = writtenData(definitionSchema, {[name]: value}, isLowest) as Values
      return Object.keys(data).length === 0 ? '' : yamlText(data)
    }
    if (typeof value !== 'object' || value === null) return make()
    const known = isLowest ? this.#lowest : this.#above
    const text = known.get(value) ?? make()
    known.set(value, text)
    return text
  }
}
