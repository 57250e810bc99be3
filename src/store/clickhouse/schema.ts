// The tables of history (ARCHITECTURE.md "History tables") and how they come to be: numbered migrations, each a list of
// statements that may run twice, remembered in a table of their own. The same text runs on the embedded engine and on a
// server. It must never drop or rewrite what a former version wrote: history may be large, and its log may be gone.

export interface Migration {
  version: number
  statements: string[]
}

/** Makes an insert durable before it is answered: the file and the folder that names it. */
const DURABLE = 'fsync_after_insert = 1, fsync_part_directory = 1'

const events = `CREATE TABLE IF NOT EXISTS events (
  offset UInt64,
  source LowCardinality(String),
  message_id String,
  type LowCardinality(String),
  event LowCardinality(String),
  timestamp Int64,
  received_at DateTime64(3, 'UTC'),
  set_id UInt64,
  profile UInt64,
  payload String CODEC(ZSTD(3)),
  properties JSON,
  properties_text String CODEC(ZSTD(3)),
  INDEX offset_range offset TYPE minmax GRANULARITY 1,
  PROJECTION by_set (SELECT _part_offset ORDER BY set_id)
) ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (event, intDiv(timestamp, 86400000), set_id)
SETTINGS non_replicated_deduplication_window = 1000, ${DURABLE}`

const overrides = `CREATE TABLE IF NOT EXISTS overrides (
  set_id UInt64,
  profile UInt64,
  offset UInt64,
  commit UInt64,
  ordinal UInt64
) ENGINE = ReplacingMergeTree
ORDER BY (set_id, commit, ordinal)
SETTINGS ${DURABLE}`

// `search_text` holds identifiers and trait values in lower case, so that a search is one substring test of one column.
const profiles = `CREATE TABLE IF NOT EXISTS profiles (
  profile UInt64,
  version UInt64,
  alive UInt8,
  id String,
  traits String CODEC(ZSTD(1)),
  identifiers Array(Tuple(kind String, value String)),
  consent Map(String, Bool),
  segments Array(String),
  first_seen Int64,
  last_seen Int64,
  search_text String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
ORDER BY profile
SETTINGS ${DURABLE}`

export const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS onefold_migrations (
  version UInt32,
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree
ORDER BY version
SETTINGS ${DURABLE}`

export const MIGRATIONS: readonly Migration[] = [{ version: 1, statements: [events, overrides, profiles] }]

/**
 * How rows are read on their way in. Without the first, one legal event such as `{"a.b":1,"a":{"b":2}}` refuses its whole
 * block; with the inferences on, the text "2020-01-01" would become a date. A block must stay one block: it is what the
 * insert token names. Partitions are unlimited, since a log may span more than a hundred months.
 */
export const INSERT_SETTINGS = {
  type_json_skip_duplicated_paths: 1,
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  input_format_json_try_infer_numbers_from_strings: 0,
  input_format_json_read_bools_as_numbers: 0,
  max_partitions_per_insert_block: '0',
  min_insert_block_size_rows: '1000000',
  min_insert_block_size_bytes: '0',
  max_insert_block_size: '1000000',
  // Acknowledged means stored: never ClickHouse's own buffering of inserts.
  async_insert: 0,
} as const
