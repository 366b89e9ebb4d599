const NAMES = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
)

/** Whether Docker takes the text for a signal: a Linux name with or without `SIG`, or a number but 0. */
export function isSignal(text: string): boolean {
  if (/^[+-]?\d+$/.test(text)) {
    const number = BigInt(text.replace('+', ''))
    return number !== 0n && BigInt.asIntN(64, number) === number
  }
  const name = text.toUpperCase().replace(/^SIG/, '')
  const realTime = /^RT(MIN\+|MAX-)(\d{1,2})$/.exec(name)
  if (realTime !== null) return Number(realTime[2]) >= 1 && Number(realTime[2]) <= (realTime[1] === 'MIN+' ? 15 : 14)
  return NAMES.has(name)
}
