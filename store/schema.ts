/**
 * The database's history: entry N brings version N to N + 1. Entries are never edited once released;
 * the version stands in `PRAGMA user_version`.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- A process that uses the store. Whatever names a dead one's lease is unfinished and may go.
  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    start_time TEXT NOT NULL,   -- of the process, in clock ticks since boot
    boot TEXT NOT NULL,
    pid_namespace TEXT NOT NULL,
    heartbeat INTEGER NOT NULL  -- ms since 1970
  ) STRICT;

  -- An overlay layer on disk. It is published once nothing in it is unfinished or unsynced: lease is null.
  CREATE TABLE layers (
    id TEXT PRIMARY KEY,
    lease TEXT,
    delta TEXT NOT NULL,        -- digest of the change, without mtimes
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created INTEGER NOT NULL,   -- ms since 1970
    diff_id TEXT,               -- SHA-256 of its tar, once something asked
    plain_size INTEGER          -- of that tar
  ) STRICT;

  -- The packed forms of a layer that are known, by what they unpack to.
  CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL,
    compression TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, compression)
  ) STRICT, WITHOUT ROWID;

  -- What a key led to. The preimage is the text whose digest the key is.
  CREATE TABLE records (
    key TEXT PRIMARY KEY,
    op TEXT NOT NULL,           -- digest of the op's facts alone
    preimage TEXT NOT NULL,
    result TEXT NOT NULL,
    delta TEXT,                 -- of the layer in the result, if it has one
    created INTEGER NOT NULL,
    duration INTEGER NOT NULL   -- ms
  ) STRICT;
  CREATE INDEX records_by_op ON records (op, delta);

  -- Somebody is executing a key.
  CREATE TABLE claims (
    key TEXT PRIMARY KEY,
    lease TEXT NOT NULL
  ) STRICT;

  CREATE TABLE images (
    id TEXT PRIMARY KEY,        -- SHA-256 of the config
    config BLOB NOT NULL,
    manifest BLOB,              -- known for pulled, loaded and saved images
    reference TEXT,             -- where its blobs can be fetched
    layers TEXT,                -- JSON list of layer ids, once unpacked
    tree TEXT,
    created INTEGER NOT NULL    -- when it came into the store
  ) STRICT;

  CREATE TABLE names (
    name TEXT PRIMARY KEY,      -- canonical reference
    image TEXT NOT NULL
  ) STRICT;
  CREATE INDEX names_by_image ON names (image);
  `,
  `
  -- What may not have reached the disk yet: believed in the boot that wrote it, verified before a later one believes it.
  CREATE TABLE unsynced (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    boot TEXT NOT NULL,
    kind TEXT NOT NULL,         -- layer, blob
    id TEXT NOT NULL,           -- of the layer; the blob's digest
    created INTEGER NOT NULL    -- ms since 1970
  ) STRICT;
  CREATE INDEX unsynced_by_boot ON unsynced (boot, created);

  -- The boot that believes the store; its one row says up to when all that was written is known to be on the disk.
  CREATE TABLE boots (
    boot TEXT PRIMARY KEY,
    synced INTEGER NOT NULL     -- ms since 1970
  ) STRICT;
  -- Versions before this one synced what they wrote. A new database beside old files knows nothing of them.
  INSERT INTO boots SELECT '', CASE WHEN EXISTS (SELECT 1 FROM images) THEN unixepoch() * 1000 ELSE 0 END;
  `,
  `
  -- Of a base image's layer, whose id names the layers below it too: the tree that they make together.
  ALTER TABLE layers ADD COLUMN tree TEXT;
  `,
  `
  -- The same tar packed at another level is another blob; -1 is the form in which it came with an image.
  CREATE TABLE leveled_layer_blobs (
    diff_id TEXT NOT NULL,
    compression TEXT NOT NULL,
    level INTEGER NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, compression, level)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO leveled_layer_blobs SELECT diff_id, compression, -1, digest, size FROM layer_blobs;
  DROP TABLE layer_blobs;
  ALTER TABLE leveled_layer_blobs RENAME TO layer_blobs;
  `,
  `
  -- The tar of a layer in which no file is later than a time, as an image with that time has it.
  CREATE TABLE dated_layers (
    layer TEXT NOT NULL,
    latest INTEGER NOT NULL,    -- seconds since 1970
    diff_id TEXT NOT NULL,
    PRIMARY KEY (layer, latest)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A directory that steps keep things in from build to build (RUN --mount=type=cache).
  CREATE TABLE caches (
    id TEXT PRIMARY KEY,        -- of its directory
    identity TEXT,              -- digest of all that a mount has to ask for to get it; null: pruned while somebody uses it
    name TEXT NOT NULL,         -- the id that people give it
    lease TEXT,                 -- of who makes it; null once it is whole
    created INTEGER NOT NULL,   -- ms since 1970
    used INTEGER NOT NULL       -- ms since 1970: the end of the last use
  ) STRICT;
  CREATE INDEX caches_by_identity ON caches (identity);
  CREATE INDEX caches_by_name ON caches (name);

  -- Steps that have a cache mounted right now.
  CREATE TABLE cache_uses (
    id TEXT PRIMARY KEY,
    cache TEXT NOT NULL,
    lease TEXT NOT NULL,
    exclusive INTEGER NOT NULL  -- 1: nobody else may have it
  ) STRICT;
  CREATE INDEX cache_uses_by_cache ON cache_uses (cache);
  `,
  `
  -- What makes two executions the same step, whatever variables and inputs they had; before, the digest of all its facts.
  ALTER TABLE records RENAME COLUMN op TO kin;
  -- JSON list: the whole content of each input, which explains why the next key is another one.
  ALTER TABLE records ADD COLUMN trees TEXT NOT NULL DEFAULT '[]';

  -- What is left of a record that was evicted: enough to say so, and to explain the next miss.
  CREATE TABLE tombstones (
    key TEXT PRIMARY KEY,
    preimage TEXT NOT NULL,
    trees TEXT NOT NULL,
    evicted INTEGER NOT NULL    -- ms since 1970
  ) STRICT;
  CREATE INDEX tombstones_by_age ON tombstones (evicted);
  `,
  `
  -- The latest executions of a step: how long it takes, and what it makes of a root.
  CREATE INDEX records_by_age ON records (kin, created);
  `,
  `
  -- When a build last used it, to some minutes: ms since 1970.
  ALTER TABLE records ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
  UPDATE records SET used = created;
  -- Bytes allocated on the disk; null until somebody asks, and again after a cache was used.
  ALTER TABLE layers ADD COLUMN disk INTEGER;
  ALTER TABLE caches ADD COLUMN disk INTEGER;

  -- What a process uses: nothing of it is evicted while the process lives.
  CREATE TABLE pins (
    lease TEXT NOT NULL,
    kind TEXT NOT NULL,         -- layer, blob, tree, image
    id TEXT NOT NULL,
    PRIMARY KEY (lease, kind, id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Builds that were made, in the order of their ends.
  CREATE TABLE builds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    variant TEXT NOT NULL,      -- the project for one target and platform
    started INTEGER NOT NULL,   -- ms since 1970
    ended INTEGER NOT NULL,
    status TEXT NOT NULL,
    steps TEXT,                 -- digest of its list of steps
    about TEXT NOT NULL,        -- JSON
    events TEXT                 -- JSON lines; null: in a file of its own
  ) STRICT;
  CREATE INDEX builds_by_project ON builds (project, number);
  CREATE INDEX builds_by_variant ON builds (variant, number);

  -- What the steps of a build are and under which keys their results stand: mostly that of the build before.
  CREATE TABLE step_lists (
    digest TEXT PRIMARY KEY,
    steps TEXT NOT NULL         -- JSON
  ) STRICT, WITHOUT ROWID;
  `,
]
