/** Outcome of something that can fail in an expected way. Throwing is kept for borders and bugs. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E };

/** Wraps a value as success. */
export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

/** Wraps an error as failure. */
export function err<E>(error: E): { ok: false; error: E } {
  return { ok: false, error };
}
