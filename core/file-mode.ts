/** What `--chmod` says: the mode (0 to 0o7777), or changes to the mode that a source has, one after the other. */
export type FileMode = number | readonly ModeStep[]

export type ModeStep =
  | { readonly kind: 'clear'; readonly bits: number }
  | { readonly kind: 'set'; readonly bits: number }
  /** Of directories, and of what anybody could execute before the first step (`X`). */
  | { readonly kind: 'set-if-executable'; readonly bits: number }
  /** What one class may do by then, for the classes in the mask `to`. */
  | { readonly kind: 'copy'; readonly from: ModeClass; readonly to: number; readonly how: 'clear' | 'set' | 'replace' }

export type ModeClass = 'user' | 'group' | 'others'
