// The tables of state.db. One transaction of the pipeline touches as few pages as it can, because a commit's cost is its
// number of dirty pages: what changes with every event is one row of `sets` and one of `profiles`, under no index.

/**
 * A quarter of SQLite's default: rows are hit at random, so each costs a whole page of write-ahead log and of checkpoint.
 * CPU per commit of 1,000 sets and 1,000 profiles among 150,000 (bench/state.ts): 25 ms with 512 bytes, 29 with 1024, 40 with
 * 2048, 43 with 4096; at 512 a row of ordinary size already overflows its page.
 */
export const PAGE_BYTES = 1024

const INITIAL = `
CREATE TABLE position (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  next INTEGER NOT NULL,
  log_time INTEGER NOT NULL,
  commit_number INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  -- Kept here because counting rows would read every page of their tables.
  profiles INTEGER NOT NULL,
  identifiers INTEGER NOT NULL,
  sets INTEGER NOT NULL,
  next_identifier INTEGER NOT NULL,
  next_set INTEGER NOT NULL
) STRICT;
INSERT INTO position VALUES (1, 0, 0, 0, 0, 0, 0, 0, 1, 1);

CREATE TABLE identifiers (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  birth_id TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  profile INTEGER NOT NULL,
  suppressed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX identifiers_value ON identifiers (kind, value);
CREATE INDEX identifiers_birth_id ON identifiers (birth_id);

-- facts: JSON [source, trust, identifiers, firstOffset], which never change; refused: JSON, null for none.
CREATE TABLE sets (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  facts TEXT NOT NULL,
  owner INTEGER NOT NULL,
  refused TEXT,
  state BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX sets_key ON sets (key);
CREATE TABLE set_identifiers (
  identifier INTEGER NOT NULL,
  set_id INTEGER NOT NULL,
  PRIMARY KEY (identifier, set_id)
) STRICT, WITHOUT ROWID;

-- structure: JSON [identifiers, sets, memberships]. flags: 1 alive, 2 suppressed.
-- wake: at or before the timer of a living profile that has one. An index on the timer itself would cost two random pages
-- per event, since a rolling window moves it with every event, nearly always later; so wake may lag behind.
CREATE TABLE profiles (
  id INTEGER PRIMARY KEY,
  flags INTEGER NOT NULL,
  changed_in INTEGER NOT NULL,
  next_timer INTEGER,
  wake INTEGER,
  structure TEXT NOT NULL,
  state BLOB NOT NULL
) STRICT;
CREATE INDEX profiles_wake ON profiles (wake) WHERE wake IS NOT NULL;
CREATE TABLE memberships (
  segment INTEGER NOT NULL,
  profile INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (segment, profile)
) STRICT, WITHOUT ROWID;
-- Instead of an index on changed_in: the numbers of the profiles that commit changed, packed. A number counts
-- while its row still says so. written_in differs from commit_number only for rows stamped with another commit.
CREATE TABLE changed (
  commit_number INTEGER NOT NULL,
  written_in INTEGER NOT NULL,
  profiles BLOB NOT NULL,
  PRIMARY KEY (commit_number, written_in)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
  offset INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  kind TEXT NOT NULL,
  segment TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  identifiers TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (offset, ordinal)
) STRICT, WITHOUT ROWID;
-- One row per run of offsets without a gap: one per commit.
CREATE TABLE verdicts (first_offset INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE set_moves (
  commit_number INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  set_id INTEGER NOT NULL,
  profile INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  PRIMARY KEY (commit_number, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TABLE dedupe (
  hour INTEGER NOT NULL,
  commit_number INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (hour, commit_number, ordinal)
) STRICT, WITHOUT ROWID;

-- Small things that the pipeline holds whole, as JSON: genesis, sources, segments, clauses, hand decisions, backfills, kinds.
CREATE TABLE catalogue (
  id INTEGER PRIMARY KEY,
  noun TEXT NOT NULL,
  key ANY NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (noun, key)
) STRICT;
`

/** Append only: `user_version` counts the scripts that a file has seen. */
export const STATE_MIGRATIONS: readonly string[] = [INITIAL]
