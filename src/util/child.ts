// What every child process of the tree does alike: it ends when its parent does, and on SIGTERM; and it says when it is ready.

/** Aborts when the parent goes or asks to end. A child that outlived its parent would hold the parent's files. */
export function endSignal(): AbortSignal {
  const ending = new AbortController()
  const end = () => ending.abort()
  process.once('disconnect', end)
  // The parent may have gone while this process was still loading its modules: that event has passed unheard.
  if (process.connected === false) end()
  process.once('SIGTERM', end)
  // Ctrl-C reaches the whole group; the parent decides the order of ending.
  process.on('SIGINT', () => {})
  return ending.signal
}

export function tellReady(): void {
  // A parent that has just gone is told nothing; `disconnect` ends this process then.
  process.send?.({ ready: true }, undefined, undefined, () => {})
}

/** Runs the child's work; ends the process with 0 when the work ends, with 1 when it throws. */
export async function runChild(
  work: (signal: AbortSignal) => Promise<void>,
  fail: (error: unknown) => void,
): Promise<void> {
  try {
    await work(endSignal())
    process.exit(0)
  } catch (error) {
    fail(error)
    process.exit(1)
  }
}
