import { COMMANDS } from './commands/index.ts'
import { overview } from './overview.ts'
import { helpText } from './parse.ts'
import { subcommandHelp } from './subcommands.ts'

/** `docs/cli.md`: the overview and each command's help, as the program prints them. */
export async function manual(): Promise<string> {
  const sections = [
    '# The command line',
    '',
    'Made from the definitions by `node docs/cli-manual.mjs`; a test compares.',
    '',
    block(overview()),
  ]
  for (const [name, entry] of Object.entries(COMMANDS)) {
    if (entry.subcommands === undefined) sections.push('', `## tsbuild ${name}`, '', block(helpText(await entry.load())))
    else sections.push('', `## tsbuild ${name}`, '', block(subcommandHelp(name, entry.subcommands)))
    for (const [word, subcommand] of Object.entries(entry.subcommands ?? {})) {
      sections.push('', `### tsbuild ${name} ${word}`, '', block(helpText(await subcommand.load())))
    }
  }
  return `${sections.join('\n')}\n`
}

function block(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``
}
