// What commands print. Colour only where a person reads: on a terminal, and not under NO_COLOR.
import { styleText } from 'node:util'

type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold'

/** A line of data on stdout. */
export function data(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** A line for people on stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

export function json(value: unknown): void {
  data(JSON.stringify(value))
}

export function paint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout })
}

/** Text of others on a terminal: control characters in it could move the cursor or change the title, so they are shown as codes. */
export function plain(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
