import {parseDefinition} from './parse.ts'
import type {Problem} from './problems.ts'
import {type ProfileText, readProfileText} from './profiles.ts'

/** A profile by itself. */
export interface CheckedProfile {
  /** Its key `description`, else the comment it begins with; empty without either. */
  readonly description: string
  /** What is wrong in the file, whichever definition uses it. */
  readonly problems: readonly Problem[]
}

/** Checks a profile as if a definition named it alone. What it leaves to the definition is no problem. */
export function checkProfile(profile: ProfileText): CheckedProfile {
  const {values, missing} = readProfileText(profile)
  const left = new Set(missing.map(({problem}) => problem.message))
  const {problems} = parseDefinition('name: x\nprofiles: [x]\n', {
    file: '',
    name: 'x',
    profiles: () => profile,
  })
  const {description} = values
  return {
    description: typeof description === 'string' ? description.trim() : firstComment(profile.text),
    problems: problems.filter(({origin, message}) => origin.file === profile.file && !left.has(message)),
  }
}

/** The comment lines at the top of a text, as one; not the one that tells editors the schema. */
function firstComment(text: string): string {
  const lines = text.split(/\r?\n/)
  const end = lines.findIndex(line => !line.startsWith('#'))
  return lines
    .slice(0, end < 0 ? lines.length : end)
    .map(line => line.replace(/^#+\s?/, '').trim())
    .filter(line => line !== '' && !line.startsWith('yaml-language-server:'))
    .join(' ')
}
