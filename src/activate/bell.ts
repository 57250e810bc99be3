// A bell that one loop waits for and anybody may ring. A ring between two waits is not lost.

export class Bell {
  #rung = false
  #waiting: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#waiting?.()
    this.#waiting = null
  }

  /** Resolves at the next ring, or at once if it rang since the last wait. One waiter at a time. */
  async wait(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#waiting = resolve))
    this.#rung = false
  }
}
