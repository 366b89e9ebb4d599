import type { TarHeader, TarType } from './tar-reader.ts'

/** One file, as hard links share it: everything but the name. */
export interface Inode {
  readonly type: Exclude<TarType, 'hardlink'>
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly linkTarget: string
  readonly device: string
  readonly mtime: string
  readonly xattrs: Readonly<Record<string, string>>
  /** SHA-256 of the content in hex; empty for what has none. */
  content: string
}

interface Node {
  inode: Inode
  /** Number of the layer that wrote this name last. */
  layer: number
  readonly children: Map<string, Node>
}

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** A root file system in memory, made by laying layers over one another (OCI image spec, layer.md "Applying Changesets"). */
export class RootTree {
  readonly #root: Node = { inode: implied(), layer: -1, children: new Map() }
  #layer = -1

  /** What is added from now on belongs to the next layer up. */
  nextLayer(): void {
    this.#layer += 1
  }

  /**
   * Applies one entry of the layer's tar, in the tar's order.
   * @returns the new file, whose content the caller fills in; nothing for whiteouts, hard links and what has no content.
   */
  add(header: TarHeader): Inode | undefined {
    const names = split(header.name)
    const name = names.pop()
    if (name === undefined) {
      this.#root.inode = toInode(header)
      return undefined
    }
    const parent = this.#directory(names)
    if (name.startsWith(WHITEOUT)) {
      this.#whiteout(parent, name)
      return undefined
    }
    if (header.type === 'hardlink') {
      this.#put(parent, name, this.#linked(header))
      return undefined
    }
    const inode = toInode(header)
    this.#put(parent, name, inode)
    return header.type === 'file' ? inode : undefined
  }

  /** All names below the root, and the root itself as `/`, sorted by code unit. */
  entries(): [path: string, inode: Inode][] {
    const found: [string, Inode][] = [['/', this.#root.inode]]
    const visit = (path: string, node: Node): void => {
      for (const [name, child] of node.children) {
        found.push([`${path}/${name}`, child.inode])
        visit(`${path}/${name}`, child)
      }
    }
    visit('', this.#root)
    return found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  }

  #put(parent: Node, name: string, inode: Inode): void {
    const old = parent.children.get(name)
    const merges = old !== undefined && old.inode.type === 'directory' && inode.type === 'directory'
    if (merges) {
      old.inode = inode
      old.layer = this.#layer
    } else parent.children.set(name, { inode, layer: this.#layer, children: new Map() })
  }

  /** Whiteouts hide what lower layers brought; entries of their own layer stay, wherever they stand in the tar. */
  #whiteout(parent: Node, name: string): void {
    if (name === OPAQUE) {
      for (const child of [...parent.children.keys()]) this.#hide(parent, child)
    } else this.#hide(parent, name.slice(WHITEOUT.length))
  }

  #hide(parent: Node, name: string): void {
    const node = parent.children.get(name)
    if (node === undefined) return
    for (const child of [...node.children.keys()]) this.#hide(node, child)
    if (node.layer < this.#layer && node.children.size === 0) parent.children.delete(name)
  }

  #linked(header: TarHeader): Inode {
    const names = split(header.linkTarget)
    const name = names.pop() ?? ''
    const target = this.#directory(names).children.get(name)
    if (target === undefined) throw new Error(`hard link \`${header.name}\` to \`${header.linkTarget}\`, which is not there`)
    return target.inode
  }

  /** The directory at `names`; symbolic links on the way are followed inside the root, missing directories are made. */
  #directory(names: readonly string[]): Node {
    let left = 255
    let trail: Node[] = [this.#root]
    const rest = [...names]
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      const here = trail.at(-1) ?? this.#root
      if (name === '..') {
        if (trail.length > 1) trail.pop()
        continue
      }
      const next = here.children.get(name)
      if (next?.inode.type === 'symlink' && left > 0) {
        left -= 1
        if (next.inode.linkTarget.startsWith('/')) trail = [this.#root]
        rest.unshift(...split(next.inode.linkTarget))
      } else if (next?.inode.type === 'directory') trail.push(next)
      else {
        this.#put(here, name, implied())
        trail.push(here.children.get(name) ?? this.#root)
      }
    }
    return trail.at(-1) ?? this.#root
  }
}

function toInode(header: TarHeader): Inode {
  const { type, mode, uid, gid, size, linkTarget, device, mtime, xattrs } = header
  if (type === 'hardlink') throw new Error(`\`${header.name}\` is a link, not a file of its own`)
  const isFile = type === 'file'
  return {
    type,
    mode,
    uid,
    gid,
    size: isFile ? size : 0,
    linkTarget: type === 'symlink' ? linkTarget : '',
    device,
    mtime,
    xattrs,
    content: '',
  }
}

function implied(): Inode {
  return {
    type: 'directory',
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    linkTarget: '',
    device: '',
    mtime: '0',
    xattrs: {},
    content: '',
  }
}

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
