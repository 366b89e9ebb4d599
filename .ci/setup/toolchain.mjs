import { findProgram, outputOf, SetupError } from './step.mjs'

const NODE = 20
const RUST = [1, 88]

/** Checks what no package manager step of ours provides. @throws SetupError with the remedy */
export function checkToolchain() {
  if (Number(process.versions.node.split('.')[0]) < NODE) {
    throw new SetupError(`Node ${process.version} is too old`, `install Node ${NODE} or newer`)
  }
  if (process.platform !== 'linux') throw new SetupError(`\`${process.platform}\` is not supported`, 'run on Linux (x64 or arm64)')
  checkRust()
  if (findProgram('cc') === undefined) throw new SetupError('no C compiler `cc`', 'install one: apt-get install -y build-essential')
}

function checkRust() {
  const version = /cargo (\d+)\.(\d+)/.exec(outputOf('cargo', ['--version']) ?? '')
  const hint = `install Rust ${RUST.join('.')} or newer with rustup`
  if (version === null) throw new SetupError('no Rust: `cargo` was not found', hint)
  const [major, minor] = version.slice(1).map(Number)
  if (major < RUST[0] || (major === RUST[0] && minor < RUST[1])) throw new SetupError(`Rust ${major}.${minor} is too old`, hint)
}
