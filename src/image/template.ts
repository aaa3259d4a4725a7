import {existsSync} from 'node:fs'
import {readdir, readFile} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {type HostPaths, ifMissing} from '../host/index.ts'
import {didYouMean} from '../nearest.ts'
import type {Overlay, TemplateFile} from './template-parse.ts'
import type {ParameterSpec, Recipe} from './types.ts'

/** A template found, before it is read. */
export interface TemplatePlace {
  readonly name: string
  readonly file: string
  /** False: it comes with vps. */
  readonly own: boolean
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

/** All templates by name: the admin's own win over those that come with vps. */
export async function listTemplates(paths: HostPaths): Promise<TemplatePlace[]> {
  const [own, builtIn] = await Promise.all([yamlFiles(paths.templates), yamlFiles(builtInTemplates())])
  const found = new Map<string, TemplatePlace>()
  for (const file of builtIn)
    found.set(basename(file, '.yaml'), {name: basename(file, '.yaml'), file, own: false})
  for (const file of own) found.set(basename(file, '.yaml'), {name: basename(file, '.yaml'), file, own: true})
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Reads the template `name` with all that it extends. A template of the admin may extend the built-in of its own name.
 * @throws VpsError NO_SUCH_TEMPLATE, INVALID_TEMPLATE (exit 2; every problem with line and column)
 */
export async function loadTemplate(name: string, paths: HostPaths): Promise<Recipe> {
  return await load(name, paths, [])
}

async function load(name: string, paths: HostPaths, seen: readonly string[]): Promise<Recipe> {
  const file = await find(name, paths, seen)
  const {parseTemplate} = await import('./template-parse.ts') // the YAML parser costs start-up time
  const template = parseTemplate(await readFile(file, 'utf8'), file)
  if (template.extends === undefined) return complete(name, file, template)
  const base = await load(template.extends, paths, [...seen, file])
  return merge(name, file, base, template)
}

/** The file of template `name`; those in `seen` are being extended already and can not be meant again. */
async function find(name: string, paths: HostPaths, seen: readonly string[]): Promise<string> {
  if (!NAME.test(name))
    throw new VpsError('BAD_NAME', `${JSON.stringify(name)} is not the name of a template`, {
      exitCode: ExitCode.wrongUse,
    })
  const files = [join(paths.templates, `${name}.yaml`), join(builtInTemplates(), `${name}.yaml`)].filter(
    existsSync,
  )
  const file = files.find(candidate => !seen.includes(candidate))
  if (file !== undefined) return file
  if (files.length > 0)
    throw new VpsError('INVALID_TEMPLATE', `template ${name} extends itself: ${seen.join(' extends ')}`, {
      exitCode: ExitCode.wrongUse,
    })
  const known = (await listTemplates(paths)).map(place => place.name)
  const by = seen.length > 0 ? ` (extended by ${seen.at(-1)})` : ''
  throw new VpsError('NO_SUCH_TEMPLATE', `no template is called ${name}${by}${didYouMean(name, known)}`, {
    exitCode: ExitCode.wrongUse,
    suggestions: [`templates: ${known.join(', ')}`, `own ones go to ${paths.templates}/NAME.yaml`],
  })
}

function complete(name: string, file: string, template: TemplateFile): Recipe {
  const {builder} = template
  if (builder === undefined) throw new Error('parseTemplate let a template without builder pass')
  const nothing: Recipe = {
    name,
    file,
    sources: [],
    description: '',
    builder,
    parameters: {},
    directories: {},
    files: {},
    links: {},
    users: {},
    groups: {},
    mask: {},
    enable: {},
    copy: [],
    trees: [],
    packages: [],
    run: [],
  }
  return merge(name, file, nothing, template)
}

function merge(name: string, file: string, base: Recipe, template: TemplateFile): Recipe {
  if (template.builder !== undefined && template.builder !== base.builder)
    throw new VpsError(
      'INVALID_TEMPLATE',
      `${file}: builder is ${template.builder}, but ${base.name}, which it extends, is made by ${base.builder}`,
      {exitCode: ExitCode.wrongUse},
    )
  return {
    name,
    file,
    sources: [file, ...base.sources],
    description: template.description ?? base.description,
    builder: base.builder,
    parameters: mergeParameters(file, base.parameters, template.parameters),
    directories: lay(base.directories, template.directories),
    files: lay(base.files, template.files),
    links: lay(base.links, template.links),
    users: lay(base.users, template.users),
    groups: lay(base.groups, template.groups),
    mask: lay(base.mask, template.mask),
    enable: lay(base.enable, template.enable),
    copy: [...base.copy, ...template.copy],
    trees: [...base.trees, ...template.trees],
    packages: [...base.packages, ...template.packages],
    run: [...base.run, ...template.run],
  }
}

function lay<Value>(base: Readonly<Record<string, Value>>, over: Overlay<Value>): Record<string, Value> {
  const merged = {...base}
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete merged[key]
    else merged[key] = value
  }
  return merged
}

function mergeParameters(
  file: string,
  base: Readonly<Record<string, ParameterSpec>>,
  over: Readonly<Record<string, Partial<ParameterSpec>>>,
): Record<string, ParameterSpec> {
  const merged: Record<string, ParameterSpec> = {...base}
  for (const [name, spec] of Object.entries(over)) {
    const type = spec.type ?? base[name]?.type
    if (type === undefined)
      throw new VpsError('INVALID_TEMPLATE', `${file}: parameter ${name} needs a type`, {
        exitCode: ExitCode.wrongUse,
      })
    merged[name] = {description: '', ...base[name], ...spec, type}
  }
  return merged
}

async function yamlFiles(directory: string): Promise<string[]> {
  const names = await ifMissing(readdir(directory), [])
  return names
    .filter(name => name.endsWith('.yaml') && NAME.test(basename(name, '.yaml')))
    .map(name => join(directory, name))
}

/** `rootfs-templates` of the installed package, whether this file runs from src/ or bundled from dist/. */
function builtInTemplates(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const candidate = join(directory, 'rootfs-templates')
    if (existsSync(candidate)) return candidate
    if (directory === '/')
      throw new VpsError('BROKEN_INSTALLATION', 'the directory rootfs-templates of vps is missing')
  }
}
