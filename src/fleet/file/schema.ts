/*
 * The keys of a fleet file. What stands below a server and below a profile is the language of definitions, with a few keys
 * more.
 */
import {
  choice,
  definitionSchema,
  key,
  list,
  NAME_PATTERN,
  nameComplaint,
  PROFILE_PATTERN,
  profileNameCheck,
  profileSchema,
  type Section,
  section,
  table,
  text,
} from '../../definition/index.ts'

/** More servers than this nobody means to have on one host. */
export const MAX_SERVERS = 10_000

const path = text({expected: 'the path of a file'})

/** `state:` of a server. */
export const STATES = {
  running: 'It runs when the fleet was applied.',
  stopped: 'It is there, and does not run.',
} as const

const state = choice(STATES, {
  instead: {
    started: 'write running',
    up: 'write running',
    present: 'write running, or stopped',
    down: 'write stopped',
    absent: 'remove the server from the file and apply with --prune',
    destroyed: 'remove the server from the file and apply with --prune',
  },
})

/** A server, or many that differ in what variables say. */
export const entrySchema: Section = {
  ...definitionSchema,
  keys: {
    from: key(path, {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of fleet files
      says: 'A table with one server per row: a `.csv` file whose first row names the columns, or a `.json` file with a list of objects. The path counts from this file. `${column}` in any value is what the row says.',
      example: 'tenants.csv',
      change: 'live',
      default: '',
      aka: ['table', 'csv', 'rows', 'source', 'foreach', 'data'],
    }),
    state: key(state, {
      says: 'What becomes of the server when the fleet is applied.',
      example: 'stopped',
      change: 'live',
      default: 'running',
      aka: ['status', 'ensure', 'desired'],
    }),
    ...definitionSchema.keys,
  },
}

/** A profile of the fleet. */
export const fleetProfileSchema: Section = {
  ...profileSchema,
  keys: {
    extends: key(list(text({expected: 'the name of a profile', check: profileNameCheck}), {single: true}), {
      says: 'The profiles it builds on, in this order: what a later one says wins, and what is written here wins over all of them.',
      example: '[base, web]',
      change: 'live',
      default: [],
      aka: ['extend', 'inherits', 'inherit', 'base', 'parent', 'include'],
    }),
    ...profileSchema.keys,
  },
  refused: {
    name: 'a profile serves many servers',
    profiles: 'write `extends` for the profiles that it builds on',
    from: 'a table belongs to an item of servers',
    state: 'it belongs to an item of servers',
  },
}

/** A name that variables may have in `vars`. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

export const variableNameCheck = (name: string) =>
  VARIABLE.test(name)
    ? undefined
    : {says: 'is no name for a variable: write letters, digits and _, the first no digit'}

const profileTitleCheck = (name: string) =>
  profileNameCheck(name) && {
    says: 'is no name for a profile: write lower-case letters, digits, dots, dashes and underscores',
  }

/** A key of a definition at the top of a fleet. */
const belongsBelow = (name: string) =>
  Object.hasOwn(definitionSchema.keys, name)
    ? `${name} belongs to an item of servers, or to a profile`
    : undefined

export const fleetSchema = section(
  {
    fleet: key(
      text({
        expected: 'the name of a fleet',
        check: name => {
          const says = nameComplaint(name)
          return says === undefined ? undefined : {says}
        },
        pattern: NAME_PATTERN,
      }),
      {
        says: 'What the fleet is called. A server that was made by `vps apply` remembers it, and only the fleet of that name changes or destroys it. Files that are applied together have one name; one of them must say it.',
        example: 'acme',
        change: 'live',
        default: '',
        aka: ['name', 'project', 'stack'],
      },
    ),
    include: key(list(path, {single: true}), {
      says: 'Other files of the fleet, or directories of them, from this file on.',
      example: '[profiles.yaml, customers/]',
      change: 'live',
      default: [],
      aka: ['includes', 'import', 'imports', 'files'],
    }),
    vars: key(
      table(text({expected: 'text', anyScalar: true, lines: true}), {
        checkName: variableNameCheck,
        namePattern: VARIABLE.source,
      }),
      {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of fleet files
        says: 'Variables with their defaults, for `${NAME}` in any value. `--var NAME=VALUE` and the environment variable `VPS_VAR_NAME` win over them, in this order.',
        example: '{domain: example.net, labs: 20}',
        change: 'live',
        default: {},
        aka: ['variables', 'variable', 'defaults', 'env'],
      },
    ),
    profiles: key(table(fleetProfileSchema, {checkName: profileTitleCheck, namePattern: PROFILE_PATTERN}), {
      says: 'Partial definitions that servers build on, for this fleet only. They may build on each other.',
      example: '{base: {template: debian}, small: {extends: base, resources: {memory: {limit: 512MiB}}}}',
      change: 'live',
      default: {},
      aka: ['profile', 'templates', 'classes'],
    }),
    servers: key(list(entrySchema, {max: MAX_SERVERS}), {
      says: 'The servers: each a definition, or one for many of them.',
      example: '[{name: "lab-{001..020}", profiles: [small]}]',
      change: 'live',
      default: [],
      aka: ['server', 'tenants', 'instances', 'containers', 'machines', 'guests', 'hosts'],
    }),
  },
  {otherwise: belongsBelow},
)
