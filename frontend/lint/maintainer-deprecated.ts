import type { Rule } from './rule.ts'

export const maintainerDeprecated: Rule = {
  name: 'MaintainerDeprecated',
  *check(program) {
    for (const { name, places } of program.raws) {
      if (name === 'MAINTAINER') {
        yield { message: '`MAINTAINER` is deprecated', hint: 'write `LABEL org.opencontainers.image.authors=…`', span: places.keyword() }
      }
    }
  },
}
