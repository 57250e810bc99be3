// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the pieces are source text that holds templates
// Seeded faults: each breaks one rule of the language in one evaluator, by replacing a piece of its source as it is loaded.
// A property that lets one of them live does not guard that rule.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Mutant {
  rule: string
  /** Which comparison must fail. */
  evaluator: 'streaming' | 'SQL'
  /** Caught by comparing every value, or by random definitions. */
  by: 'comparisons' | 'trees'
  /** Part of the JSON of the definitions that could notice, where asking all of them would take long. */
  about: string
  /** Below src/segment. */
  file: string
  from: string
  to: string
}

// biome-ignore format: one table
export const MUTANTS: Mutant[] = [
  streaming('a rolling window excludes its start', 'streaming.ts', 'timestamps[count]! > instant', 'timestamps[count]! >= instant'),
  streaming('an event leaves its window at t + W', 'streaming.ts', 'return leaving + span', 'return leaving + span + 1000'),
  streaming('events of one millisecond leave together', 'streaming.ts', 'while (inside > 0 && timestamps[inside - 1] === leaving) inside--', 'inside--\n        if (inside > 0) break'),
  streaming('a date leaves withinLast by time alone', 'streaming.ts', 'return instant + span > now ? instant + span : null', 'return null'),
  streaming('a date to come enters withinLast', 'streaming.ts', 'if (instant > now) return instant\n', ''),
  streaming('a fixed window excludes its end', 'streaming.ts', 'timestamp < to', 'timestamp <= to'),
  streaming('a fixed window includes its start', 'streaming.ts', 'timestamp >= from', 'timestamp > from'),
  streaming('not waits for the changes of what it negates', 'streaming.ts', '!node.evaluate(subject, now), nextChange: node.nextChange', '!node.evaluate(subject, now)'),
  streaming('a segment is judged by its definition', 'streaming.ts', 'const node = compileNode(definition, compilation)\n  compilation.inside', 'const node = compileNode({ not: definition }, compilation)\n  compilation.inside'),
  streaming('one more timestamp is kept than the operand', 'clause.ts', 'Math.max(0, ...operands)) + 1', 'Math.max(0, ...operands))'),
  streaming('missing is not 0', 'compare.ts', "typeof value === 'number' && holds(value - operand)", "typeof (value ?? 0) === 'number' && holds(Number(value ?? 0) - operand)"),
  streaming('ne is the negation of eq', 'compare.ts', 'ne: (operand) => negated(equals(operand))', 'ne: (operand) => (value, now) => value !== undefined && !equals(operand)(value, now)'),
  streaming('null equals nothing', 'compare.ts', '.filter((operand) => operand !== null)', ''),
  streaming('strings are not numbers', 'compare.ts', 'value !== undefined && set.has(wellFormed(value))', 'value !== undefined && (set.has(wellFormed(value)) || set.has(Number(value)))'),
  streaming('strings are ordered by their UTF-8 bytes', 'compare.ts', 'return unit < 0xe000 ? unit + 0x2000 : unit - 0x800', 'return unit'),
  streaming('withinLast excludes its start', 'compare.ts', 'instant > now - span', 'instant >= now - span'),
  streaming('withinLast includes now', 'compare.ts', 'instant <= now', 'instant < now'),
  streaming('a list contains whole items', 'compare.ts', 'item.toWellFormed() === text', 'item.toWellFormed().includes(text)'),
  streaming('a lone surrogate is U+FFFD', 'compare.ts', "test(value.toWellFormed())", 'test(value)'),
  streaming('a key with a dot is not a path', 'path.ts', "const [first = '', ...rest] = pathParts(path)", "const [first = '', ...rest] = path.split('!')"),
  streaming('only own members count', 'path.ts', 'Object.hasOwn(root, first) ? root[first] : undefined)\n', 'root[first])\n'),
  streaming('30 February is no instant', 'instant.ts', 'if (date.getUTCMonth() !== Number(month) - 1) return null', ''),
  streaming('an offset is subtracted', 'instant.ts', "sign === '-' ? -offset : offset", 'offset'),
  sql('a rolling window excludes its start', 'sql.ts', 'AND timestamp > ${params.whole(floor)} AND', 'AND timestamp >= ${params.whole(floor)} AND'),
  sql('a fixed window excludes its end', 'sql/clause.ts', 'timestamp < ${', 'timestamp <= ${'),
  // Off by a hundred: off by one shows at one event of one profile, more seldom than runs allow; the golden SQL pins the border.
  sql('events at the offset and above do not count', 'sql.ts', 'offset < ${params.whole(context.offset)}', 'offset < ${params.whole(context.offset + 100)}'),
  sql('the newest move counts', 'sql.ts', 'argMax(profile, (commit, ordinal))', 'argMin(profile, (commit, ordinal))'),
  sql('moves are honoured', 'sql.ts', 'if(move.below > events.offset, move.holder, events.profile)', 'events.profile'),
  sql('only living profiles are members', 'sql.ts', 'WHERE alive = 1', 'WHERE alive < 2'),
  sql('the newest version of a profile counts', 'sql.ts', 'FROM profiles FINAL', 'FROM profiles'),
  sql('a dot does not match a line break', 'sql/compare.ts', '`(?-s)${operand}`', 'operand', 'matches'),
  sql('ne holds for missing values', 'sql/compare.ts', 'ne: (operand, printing) => `NOT ${among([operand], printing)}`', 'ne: (operand, printing) => `(${printing.value.exists()} AND NOT ${among([operand], printing)})`', '"ne"'),
  sql('a key with a dot is not a path', 'sql/value.ts', '/^[A-Za-z_][A-Za-z0-9_]{0,99}$/', '/^[A-Za-z_][A-Za-z0-9_.]{0,99}$/', '"property":"b.a"'),
  sql('objects exist', 'sql/value.ts', '`if(${isText}, 1, ${exact().exists()})`', '`(${isText} OR isNotNull(${as(\'Float64\')}))`', '"exists"'),
  sql('whole numbers are numbers', 'sql/value.ts', "toFloat64(${as('Int64')}), ", '', '"gt"'),
  sql('a list is no text', 'sql/value.ts', "`if(${isText}, 0, ${exact().list(test)})`", "'0'", 'contains'),
  sql('years outside 1900 to 2299 are years', 'sql/compare.ts', '146097 * ${cycles}', '0 * ${cycles}', 'before'),
  sql('30 February is no instant', 'sql/compare.ts', "AND ifNull(toString(toDate32OrNull(${day})), '') = ${day}", '', 'after'),
  sql('24:00 is no time of day', 'sql/compare.ts', "AND g[4] <= '23'", '', 'after'),
]

function streaming(rule: string, file: string, from: string, to: string): Mutant {
  return { rule, evaluator: 'streaming', by: caughtBy(file), about: '', file, from, to }
}

function sql(rule: string, file: string, from: string, to: string, about = ''): Mutant {
  return { rule, evaluator: 'SQL', by: caughtBy(file), about, file, from, to }
}

function caughtBy(file: string): Mutant['by'] {
  const comparing = ['compare.ts', 'path.ts', 'instant.ts', 'sql/compare.ts', 'sql/value.ts']
  return comparing.includes(file) ? 'comparisons' : 'trees'
}

const SEGMENT_FOLDER = join(import.meta.dirname, '../../../src/segment/')
const SEGMENT_URL = new URL('../../../src/segment/', import.meta.url).href

/** The module of src/segment as it is with the mutant in force; its own imports see the mutant too. */
export async function importMutated(module: string, mutant: Mutant): Promise<Record<string, unknown>> {
  const path = join(SEGMENT_FOLDER, mutant.file)
  const source = readFileSync(path, 'utf8')
  // A piece that is gone or stands there twice would make a mutant that tests nothing, or something else.
  if (source.split(mutant.from).length !== 2) throw new Error(`not once in ${mutant.file}: ${mutant.from}`)
  const tag = `?mutant=${MUTANTS.indexOf(mutant)}`
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const inside = context.parentURL?.endsWith(tag) === true && resolved.url.startsWith(SEGMENT_URL)
      return inside ? { ...resolved, url: resolved.url + tag } : resolved
    },
    load(url, context, next) {
      const loaded = next(url, context)
      if (!url.endsWith(tag) || fileURLToPath(url) !== path) return loaded
      return { ...loaded, source: source.replace(mutant.from, () => mutant.to) }
    },
  })
  try {
    return (await import(`${SEGMENT_URL}${module}${tag}`)) as Record<string, unknown>
  } finally {
    hooks.deregister()
  }
}
