import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import pLimit from 'p-limit'
import { openDocker } from './ask.ts'
import { randomFile } from './files.ts'
import { answer, type Question, readQuestions, writeQuestions } from './question.ts'
import { Random } from './random.ts'

const AT_A_TIME = 3
const RANDOM_COUNT = 500

/**
 * Each line of testdata/language is a Dockerfile with what Docker makes of it: the image's config and history, or that it refuses.
 * `ASK=new` asks Docker the questions that have no answer yet, `ASK=all` every one, and writes the answers down. `ASK=files` makes up
 * new ones in place of those in random.jsonl first (`SEED=n` those of a seed).
 */
describe('Dockerfiles mean what they mean to Docker', { timeout: 3_600_000 }, () => {
  const { ASK: wanted, SEED: seed } = process.env
  before(async () => {
    if (wanted === 'files') writeQuestions('random.jsonl', randomQuestions(Number(seed ?? Date.now())))
    if (wanted === 'new' || wanted === 'all' || wanted === 'files') await askAll(wanted === 'all')
  })

  for (const name of readQuestions().keys()) {
    test(name, async () => {
      const questions = readQuestions().get(name) ?? []
      assert.ok(questions.length > 0)
      const wrong: unknown[] = []
      for (const question of questions) {
        const ours = await answer(question)
        const { docker, but } = question
        const expected = but === undefined ? (docker === 'refused' ? question.code : docker) : question.ours
        const differs = !isDeepStrictEqual(typeof ours === 'string' ? 'refused' : ours, docker)
        const right = docker !== undefined && isDeepStrictEqual(ours, expected) && differs === (but !== undefined)
        if (!right) wrong.push({ ...question, ours })
      }
      assert.deepEqual(wrong, [])
    })
  }
})

function randomQuestions(seed: number): readonly Question[] {
  process.stderr.write(`SEED=${seed}\n`)
  const random = new Random(seed)
  return Array.from({ length: RANDOM_COUNT }, () => ({ dockerfile: randomFile(random) }))
}

async function askAll(again: boolean): Promise<void> {
  await using docker = await openDocker()
  const limit = pLimit(AT_A_TIME)
  for (const [name, questions] of readQuestions()) {
    const answered = questions.map((question) =>
      limit(async (): Promise<Question> => {
        if (question.docker !== undefined && !again) return question
        const theirs = await docker.ask(question)
        const ours = await answer(question)
        const { dockerfile, args, but } = question
        const asked: Question = { dockerfile, ...(args === undefined ? {} : { args }), ...(but === undefined ? {} : { but, ours }) }
        if (typeof theirs !== 'string') return { ...asked, docker: theirs }
        // Two that refuse may do it for different reasons: whoever asks should look.
        process.stderr.write(`${JSON.stringify(dockerfile)}\n  docker: ${theirs}\n  we: ${JSON.stringify(ours)}\n`)
        return { ...asked, docker: 'refused', ...(but === undefined && typeof ours === 'string' ? { code: ours } : {}) }
      }),
    )
    writeQuestions(name, await Promise.all(answered))
  }
}
