import type { Rule } from './rule.ts'

/** A constant platform makes a stage the same for every target; its name may say that this is meant. */
export const fromPlatformFlagConstDisallowed: Rule = {
  name: 'FromPlatformFlagConstDisallowed',
  *check(program) {
    for (const { from } of program.stages) {
      const { platform, name, raw } = from
      if (platform === undefined || platform.includes('$')) continue
      if (platform.split('/').some((part) => part !== '' && name.includes(part))) continue
      const hint = 'take the platform from an `ARG`, or name the stage after it'
      yield { message: `platform \`${platform}\` is a constant`, hint, span: raw.places.word('--platform') }
    }
  },
}
