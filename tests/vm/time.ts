// Time limits: whatever waits for the guest waits for a bounded time.

/** Rejects when `work` is not done in so many seconds. */
export async function within<T>(seconds: number, what: string, work: Promise<T>): Promise<T> {
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => limit.reject(new Error(`${what} took longer than ${seconds} s`)),
    seconds * 1000,
  )
  try {
    return await Promise.race([work, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
