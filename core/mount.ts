/** What `RUN --mount` adds to a step's container. Further types join the union with the issues that need them. */
export type RunMount = BindMount

/** A read-only view of a path of another vertex. */
export interface BindMount {
  readonly kind: 'bind'
  /** Index of the vertex input to mount from (1 or more). */
  readonly input: number
  readonly source: string
  readonly target: string
}
