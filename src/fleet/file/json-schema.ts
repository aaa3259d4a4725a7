import {jsonSchemaWithVariables} from '../../definition/index.ts'
import {entrySchema, fleetSchema} from './schema.ts'

/** The JSON Schema (draft 2020-12) of a fleet file, for editors. What depends on tables and variables only `vps validate` knows. */
export function fleetJsonSchema(): object {
  const {name} = entrySchema.keys
  const says = `${name?.says ?? ''} Numbers between braces make several: \`lab-{001..020}\`.`
  const schema = jsonSchemaWithVariables(fleetSchema, {
    $id: 'urn:vps:fleet',
    title: 'Fleet of private servers (vps)',
  }) as {$defs: Record<string, object>}
  return {...schema, $defs: {...schema.$defs, name: {description: says, type: 'string'}}}
}
