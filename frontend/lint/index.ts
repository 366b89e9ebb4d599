import type { Diagnostic } from '../../core/diagnostic.ts'
import { readCheck } from '../directives.ts'
import type { RawInstruction } from '../source.ts'
import type { Program } from '../stages.ts'
import { consistentInstructionCasing } from './consistent-instruction-casing.ts'
import { duplicateStageName } from './duplicate-stage-name.ts'
import { fromAsCasing } from './from-as-casing.ts'
import { fromPlatformFlagConstDisallowed } from './from-platform-flag-const-disallowed.ts'
import { jsonArgsRecommended } from './json-args-recommended.ts'
import { legacyKeyValueFormat } from './legacy-key-value-format.ts'
import { maintainerDeprecated } from './maintainer-deprecated.ts'
import { multipleInstructionsDisallowed } from './multiple-instructions-disallowed.ts'
import { noEmptyContinuation } from './no-empty-continuation.ts'
import { redundantTargetPlatform } from './redundant-target-platform.ts'
import { reservedStageName } from './reserved-stage-name.ts'
import { type Rule, warning } from './rule.ts'
import { secretsUsedInArgOrEnv } from './secrets-used-in-arg-or-env.ts'
import { stageNameCasing } from './stage-name-casing.ts'

/** Rules that need nothing but the file. Those that need expanded texts or the base images are called where these are known. */
const RULES: readonly Rule[] = [
  consistentInstructionCasing,
  duplicateStageName,
  fromAsCasing,
  fromPlatformFlagConstDisallowed,
  jsonArgsRecommended,
  legacyKeyValueFormat,
  maintainerDeprecated,
  multipleInstructionsDisallowed,
  noEmptyContinuation,
  redundantTargetPlatform,
  reservedStageName,
  secretsUsedInArgOrEnv,
  stageNameCasing,
]

/** What the rules find in a Dockerfile. */
export function checkProgram(program: Program): readonly Diagnostic[] {
  return RULES.flatMap((rule) => [...rule.check(program)].map((finding) => warning(rule.name, finding)))
}

/** Findings without the rules that the `check` directive, or a `# check=skip=…` comment above the instruction, skips. */
export function applySkips(program: Program, findings: readonly Diagnostic[]): readonly Diagnostic[] {
  return findings.filter(({ code, spans }) => {
    const line = spans[0]?.start.line ?? 0
    const raw = program.raws.find(({ span }) => span.start.line <= line && line <= span.end.line)
    const skips = [program.directives.check.skip, ...(raw === undefined ? [] : commentSkips(raw))]
    return !skips.some((skip) => skip.has('all') || skip.has(code))
  })
}

function commentSkips(raw: RawInstruction): readonly ReadonlySet<string>[] {
  return raw.comments.flatMap((comment) => {
    const options = /^check\s*=\s*(.*)$/i.exec(comment)?.[1]
    return options === undefined ? [] : [readCheck(options, raw.span).skip]
  })
}
