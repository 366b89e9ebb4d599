import type { Rule } from './rule.ts'

/** The target platform is what FROM takes anyway. */
export const redundantTargetPlatform: Rule = {
  name: 'RedundantTargetPlatform',
  *check(program) {
    for (const { from } of program.stages) {
      if (from.platform === '$TARGETPLATFORM' || from.platform === '${TARGETPLATFORM}') {
        yield {
          message: `\`--platform=${from.platform}\` is the default`,
          hint: 'leave the flag out',
          span: from.raw.places.word('--platform'),
        }
      }
    }
  },
}
