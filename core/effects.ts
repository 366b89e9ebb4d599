/** What the outside world does for us; `engine/host` has the real one, tests have fakes. */
export interface Effects {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds of a clock that never jumps. */
  monotonic(): number
  /** Hex digits nobody else will draw. */
  randomId(): string
  fetch(url: string, request?: RequestInit): Promise<Response>
}
