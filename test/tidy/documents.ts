// Documents held to the code: the table of settings, the code map, the commands, the lock file, and what no tracked file may
// name. Pure functions over texts, so that each can be shown a bad one.
import type { Finding } from './source.ts'

interface SettingRow {
  name: string
  fallback: string
  says: string
}

const CODE = /`([^`]+)`/g

export function settingRow({ name, fallback, says }: SettingRow): string {
  return `| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${says} |`
}

/** The README's table of settings is exactly that of config.ts. */
export function checkSettings(path: string, text: string, settings: readonly SettingRow[]): Finding[] {
  const wanted = settings.map(settingRow)
  const rows = text.split('\n').map((row, index) => ({ row: row.trim(), line: index + 1 }))
  const present = rows.filter(({ row }) => /^\| `[A-Z][A-Z_]+` \|/.test(row))
  const missing = wanted.filter((row) => !present.some((one) => one.row === row))
  const foreign = present.filter(({ row }) => !wanted.includes(row))
  return [
    ...missing.map((row) => ({ rule: 'settings', path, line: 1, says: `lacks the row ${row}` })),
    ...foreign.map(({ row, line }) => ({ rule: 'settings', path, line, says: `not in config.ts: ${row}` })),
  ]
}

/** Every folder of src is on the code map, and all that the map names exists. `paths`: files of src. */
export function checkCodeMap(path: string, text: string, paths: readonly string[]): Finding[] {
  const rows = text.split('\n').filter((row) => /^\| `src\//.test(row))
  const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(CODE)].map((match) => match[1] ?? ''))
  const folders = new Set(paths.filter((one) => one.split('/').length > 2).map((one) => `src/${one.split('/')[1]}/`))
  const roots = paths.filter((one) => one.split('/').length === 2 && !one.endsWith('.test.ts'))
  const unnamed = [...folders, ...roots].filter((one) => !named.includes(one))
  const gone = named.filter((one) => !paths.some((file) => file === one || (one.endsWith('/') && file.startsWith(one))))
  const finding = (says: string) => ({ rule: 'code map', path, line: 1, says })
  return [
    ...unnamed.map((one) => finding(`lacks ${one}`)),
    ...gone.map((one) => finding(`names ${one}, which is not there`)),
  ]
}

const UNSPEAKABLE: [RegExp, string][] = [
  [/(?<![\w.~-])\/(home|root|Users|work)\/[\w.-]/, 'a path of one machine'],
  [
    /\b(registry|npm|packages?)\.[\w-]+\.(org|com|io|dev|net|internal)\b|\bartifactory\b|\bverdaccio\b/i,
    'a host of a package registry',
  ],
]

/** Nothing tracked names a machine's folders or the registry someone installed from. */
export function checkNames(path: string, text: string): Finding[] {
  return text.split('\n').flatMap((row, index) =>
    UNSPEAKABLE.filter(([pattern]) => pattern.test(row)).map(([, what]) => ({
      rule: 'names',
      path,
      line: index + 1,
      says: what,
    })),
  )
}

interface Lock {
  packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }>
}

/**
 * npm ci refuses a lock that lacks the optional package of any platform, and npm leaves out those that the machine which
 * wrote the lock could not see.
 */
export function checkLock(path: string, lock: Lock): Finding[] {
  const finding = (says: string) => ({ rule: 'lock', path, line: 1, says })
  return Object.entries(lock.packages).flatMap(([place, entry]) => [
    ...(entry.resolved?.startsWith('http') ? [finding(`${place} names the host it came from`)] : []),
    ...Object.keys(entry.optionalDependencies ?? {})
      .filter(
        (name) => !(`node_modules/${name}` in lock.packages) && !(`${place}/node_modules/${name}` in lock.packages),
      )
      .map((name) => finding(`lacks ${name}, which ${place || 'package.json'} names`)),
  ])
}
