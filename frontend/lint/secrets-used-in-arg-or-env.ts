import type { Rule } from './rule.ts'

const SECRET = new Set(['apikey', 'auth', 'credential', 'credentials', 'key', 'password', 'pword', 'passwd', 'secret', 'token'])
const HARMLESS = new Set(['public', 'file', 'version'])

/** ARG and ENV end up in the image's history or config for everyone to read. */
export const secretsUsedInArgOrEnv: Rule = {
  name: 'SecretsUsedInArgOrEnv',
  *check(program) {
    const args = [...program.globalArgs, ...program.stages.flatMap((stage) => stage.instructions)]
    for (const instruction of args) {
      if (instruction.kind !== 'arg' && instruction.kind !== 'env') continue
      const names = instruction.kind === 'arg' ? instruction.args.map(({ name }) => name) : instruction.pairs.map(([name]) => name)
      for (const name of names.filter(looksSecret)) {
        const { raw } = instruction
        yield {
          message: `\`${raw.name} ${name}\` looks like a secret, and stays in the image`,
          hint: 'hand secrets to the program when it runs',
          span: raw.places.word(name),
        }
      }
    }
  },
}

function looksSecret(name: string): boolean {
  const tokens = name.toLowerCase().split('_')
  return tokens.some((token) => SECRET.has(token)) && !tokens.some((token) => HARMLESS.has(token))
}
