import { join } from 'node:path'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import { isTsbError } from '../../core/error.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { Graph, VertexId } from '../../core/graph.ts'
import { notesOf, type StepNote } from '../../solver/explain/step-note.ts'
import type { Solved } from '../../solver/solve.ts'
import type { StoredBuild } from '../../store/history.ts'
import type { Session } from '../session.ts'
import type { BuildOptions } from '../types.ts'
import { Counter } from './counter.ts'
import { EventEncoder } from './encode.ts'
import type { EventFile } from './event-file.ts'
import { hiderOf } from './hide.ts'
import { DEFAULT_RETENTION, oldestKept } from './limits.ts'
import { type Project, projectOf } from './project.ts'
import type { StoredAbout } from './types.ts'

/** Events that fit in here go into the row of the build: a fully cached one writes nothing else. */
const ROW_CHARACTERS = 16_384
/** So many are packed at once. */
const PIECE_CHARACTERS = 262_144
/** Not at every build: what is too much for a moment harms nobody. */
const PRUNE_EVERY = 16
/** As many as docker's have. */
const ID_CHARACTERS = 25

/** What a build leaves in the history. To keep it must never fail a build, so nothing here throws. */
export class Recording {
  readonly project: Project
  readonly #session: Session
  readonly #options: BuildOptions
  readonly #id: string
  readonly #started: number
  readonly #hide: (text: string) => string
  readonly #encoder: EventEncoder
  readonly #counter = new Counter()
  readonly #keys = new Map<VertexId, Digest>()
  #graph: Graph | undefined
  #create: ((path: string) => EventFile) | undefined
  #file: EventFile | undefined
  #isBroken = false

  constructor(session: Session, options: BuildOptions) {
    this.#session = session
    this.#options = options
    this.project = projectOf(options)
    this.#id = session.effects.randomId().slice(0, ID_CHARACTERS)
    this.#started = session.effects.now()
    this.#hide = hiderOf(options, session.env)
    this.#encoder = new EventEncoder(this.#hide)
  }

  event(event: BuildEvent): void {
    this.#attempt(() => {
      this.#counter.count(event)
      this.#encoder.push(event)
      // In time for the first piece, and not at all where nothing runs.
      if (event.kind === 'step-started') void this.#load()
      if (this.#encoder.length >= PIECE_CHARACTERS && this.#create !== undefined) this.#write(this.#create)
    })
  }

  /** The graph is known. */
  plan(graph: Graph): void {
    this.#graph = graph
    this.#counter.plan(graph)
  }

  solved({ vertex, key }: Solved): void {
    if (key !== undefined) this.#keys.set(vertex.id, key)
  }

  /** Writes down how it ended. */
  async end({ image, error }: { readonly image?: Digest; readonly error?: unknown }): Promise<void> {
    // Who waited for the database in vain is not made to wait once more.
    if (isTsbError(error) && error.code === 'TSB_STORE_BUSY') this.#isBroken = true
    if (this.#file !== undefined || this.#encoder.length > ROW_CHARACTERS) await this.#load()
    const notes = await this.#notes(error !== undefined).catch(() => undefined)
    this.#attempt(() => {
      if (this.#create !== undefined && (this.#file !== undefined || this.#encoder.length > ROW_CHARACTERS)) this.#write(this.#create)
      this.#file?.close()
      const { store, effects } = this.#session
      const steps = notes === undefined ? undefined : JSON.stringify(notes)
      const build: StoredBuild = {
        id: this.#id,
        project: this.project.project,
        variant: this.project.variant,
        started: this.#started,
        ended: effects.now(),
        status: statusOf(error),
        about: JSON.stringify(this.#about(image, error)),
        ...(steps === undefined ? {} : { steps: blake3Digest(steps) }),
        ...(this.#file === undefined ? { events: this.#encoder.take() } : {}),
      }
      const number = store.history.add(build, {
        ...(steps === undefined ? {} : { steps }),
        ...(this.#file === undefined ? {} : { events: this.#file.path }),
      })
      if (number % PRUNE_EVERY !== 0) return
      const retention = { ...DEFAULT_RETENTION, ...this.#session.config().history }
      store.history.prune({ builds: retention.builds, before: oldestKept(retention, effects.now()) })
    })
  }

  #about(image: Digest | undefined, error: unknown): StoredAbout {
    const { tags, target, platform, noCache, buildArgs } = this.#options
    const { name, context, dockerfile } = this.project
    return {
      name: this.#hide(name),
      context,
      dockerfile,
      noCache,
      tags,
      buildArgs: buildArgs.map(([argument]) => argument),
      ...(target === undefined ? {} : { target }),
      ...(platform === undefined ? {} : { platform }),
      ...(image === undefined ? {} : { image }),
      ...(isTsbError(error) ? { error: { code: error.code, message: this.#hide(error.message) } } : {}),
      steps: this.#counter.counts(),
      bytes: this.#counter.bytes,
    }
  }

  /** A step that was not reached keeps the key of the last build that did: the next one has something to compare with. */
  async #notes(isFailed: boolean): Promise<readonly StepNote[] | undefined> {
    if (this.#graph === undefined) return undefined
    const { vertices } = this.#graph
    // An instruction as written has no value of an argument: what looks like one is a word of its author, and has to be known again.
    const textOf = ({ step, text }: StepNote): string => (vertices[step]?.text === undefined ? this.#hide(text) : text)
    const notes = notesOf(this.#graph, this.#keys).map((note) => ({ ...note, name: this.#hide(note.name), text: textOf(note) }))
    if (!isFailed) return notes
    const { inheritKeys } = await import('../../solver/explain/inherit.ts')
    const { project, variant } = this.project
    return inheritKeys(
      notes,
      this.#session.store.history.earlier(project, variant).map((list) => JSON.parse(list) as readonly StepNote[]),
    )
  }

  async #load(): Promise<void> {
    this.#create ??= (await import('./event-file.ts')).createEventFile
  }

  #write(create: (path: string) => EventFile): void {
    this.#file ??= create(join(this.#session.store.leases.own().directory, `history-${this.#id}.jsonl.gz`))
    this.#file.append(this.#encoder.take())
  }

  /** A disk that is full: the build meets it by itself. */
  #attempt(work: () => void): void {
    if (this.#isBroken) return
    try {
      work()
    } catch {
      this.#isBroken = true
    }
  }
}

function statusOf(error: unknown): StoredBuild['status'] {
  if (error === undefined) return 'completed'
  return isTsbError(error) && error.fault === 'interrupted' ? 'canceled' : 'error'
}
