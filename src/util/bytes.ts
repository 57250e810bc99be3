// Writing and reading compact binary: whole numbers up to 2^52 as varints (7 bits a byte, low first), text as UTF-8 with its length.

export class ByteWriter {
  #buffer = Buffer.allocUnsafe(256)
  #length = 0

  /** A whole number from 0 to 2^53 - 1. */
  unsigned(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#length++] = rest
  }

  /** A whole number from -2^52 to 2^52. */
  signed(value: number): void {
    this.unsigned(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  text(value: string): void {
    // Three bytes per UTF-16 unit at most; the length goes first, so it is measured, not guessed.
    const size = Buffer.byteLength(value, 'utf8')
    this.unsigned(size)
    this.#reserve(size)
    this.#length += this.#buffer.write(value, this.#length, size, 'utf8')
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#buffer, 0, this.#length)
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

export class ByteReader {
  readonly #buffer: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  unsigned(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.#next()
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }

  signed(): number {
    const value = this.unsigned()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  text(): string {
    const size = this.unsigned()
    const end = this.#position + size
    if (end > this.#buffer.length) throw new Error('binary text runs past its end')
    const text = this.#buffer.toString('utf8', this.#position, end)
    this.#position = end
    return text
  }

  #next(): number {
    const byte = this.#buffer[this.#position++]
    if (byte === undefined) throw new Error('binary number runs past its end')
    return byte
  }
}
