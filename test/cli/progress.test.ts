import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlainRenderer } from '../../cli/render/plain.ts'
import { QuietRenderer } from '../../cli/render/quiet.ts'
import { RawJsonRenderer } from '../../cli/render/rawjson.ts'
import type { Renderer } from '../../cli/render/renderer.ts'
import { TtyRenderer } from '../../cli/render/tty.ts'
import { caseNames, readCase, readScript, type ScriptLine } from './case-file.ts'
import { FakeTerminal } from './fake-terminal.ts'

for (const name of caseNames('progress')) {
  const file = readCase(`progress/${name}`)
  const script = readScript(file.section('events'))

  for (const [mode, create] of Object.entries({ plain: plainOf, quiet: quietOf, rawjson: rawJsonOf })) {
    if (!file.has(mode)) continue
    test(`${name}: ${mode}`, () => {
      let text = ''
      play(
        script,
        create((part) => (text += part)),
      )
      file.expect(mode, text)
    })
  }

  for (const columns of [80, 40, 16]) {
    if (!file.has(`tty ${columns}`)) continue
    test(`${name}: tty at ${columns} columns`, () => {
      const terminal = new FakeTerminal({ columns, isTerminal: true })
      const renderer = new TtyRenderer(terminal, {})
      const shots = play(script, renderer, terminal)
      file.expect(`tty ${columns}`, [...shots, terminal.screen()].join('~~~~\n'))
      assert.equal(terminal.isCursorHidden, false)
      assert.equal(terminal.hasListeners, false)
    })
  }
}

/** Feeds the script; gives the screen after each tick and resize. */
function play(script: readonly ScriptLine[], renderer: Renderer, terminal?: FakeTerminal): string[] {
  const shots: string[] = []
  for (const line of script) {
    if (line.kind === 'tick') renderer.tick(line.time)
    else if (line.kind === 'resize') terminal?.resize(line.columns)
    else renderer.event(line)
    if (terminal !== undefined && (line.kind === 'tick' || line.kind === 'resize')) shots.push(terminal.screen())
  }
  renderer.close()
  return shots
}

function plainOf(write: (text: string) => void): Renderer {
  return new PlainRenderer(write)
}

function quietOf(write: (text: string) => void): Renderer {
  return new QuietRenderer(write)
}

function rawJsonOf(write: (text: string) => void): Renderer {
  return new RawJsonRenderer(write)
}
