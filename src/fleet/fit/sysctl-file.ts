import {settingLines} from './kernel.ts'
import type {FitRow} from './row.ts'

/** A file for /etc/sysctl.d that makes room for what did not fit, each with its reason. @param what whom it is for: `500 servers` */
export function sysctlText(rows: readonly FitRow[], what: string): string {
  const settings = rows.flatMap(({sysctl, needed, there, reason}) =>
    sysctl === null
      ? []
      : [`\n# ${needed} are needed, ${there} were allowed: ${reason}.\n${settingLines(sysctl).join('\n')}\n`],
  )
  const head = `# What this host's kernel is to allow for ${what}, by \`vps doctor --sysctl\`; see sysctl.d(5).\n`
  return settings.length === 0 ? `${head}# It allows all of it already.\n` : head + settings.join('')
}
