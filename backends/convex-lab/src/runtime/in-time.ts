import { CallError } from "../errors.ts";

/** The result of `work`. Throws CallError when it takes longer than this; the work itself goes on. */
export async function inTime<T>(work: Promise<T>, timeout_ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const error = new CallError(`Function execution timed out (maximum duration: ${timeout_ms / 1000}s)`);
    timer = setTimeout(() => reject(error), timeout_ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
