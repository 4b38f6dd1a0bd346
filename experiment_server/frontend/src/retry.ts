/** Trying again, with growing random pauses, until a call succeeds or cannot. */

import { ApiError } from "./api";

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 15_000;
/** How much longer than asked one waits at most, so that not everybody comes back at once. */
const SPREAD = 0.25;

/** Full-jitter exponential back-off: a random pause below a bound that doubles, in ms. */
export function pauseFor(failures: number, random: () => number = Math.random): number {
  const bound = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  return bound / 4 + (random() * bound * 3) / 4;
}

/** Wait as long as the server asked and no less; otherwise until the back-off ends or the browser is back on line. */
async function pause(failures: number, askedMs: number): Promise<void> {
  const ms = pauseFor(failures);
  if (askedMs === 0) return pauseOrOnline(ms);
  const asked = askedMs * (1 + Math.random() * SPREAD);
  await new Promise((resolve) => window.setTimeout(resolve, Math.max(ms, asked)));
}

/** Wait some ms, or less if the browser says that it is back on line, or the page comes back into sight. */
function pauseOrOnline(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const wake = (): void => {
      over.abort();
      window.clearTimeout(timer);
      resolve();
    };
    const seen = (): void => {
      if (!document.hidden) wake();
    };
    const timer = window.setTimeout(wake, ms);
    window.addEventListener("online", wake, { signal: over.signal });
    document.addEventListener("visibilitychange", seen, { signal: over.signal });
  });
}

/** End the pauses that the server did not ask for: what failed is tried again now. */
export function tryNow(): void {
  window.dispatchEvent(new Event("online"));
}

/** Wait until something is done, but no longer than some ms. */
export async function atMost(ms: number, done: Promise<void>): Promise<void> {
  await Promise.race([done, new Promise<void>((resolve) => window.setTimeout(resolve, ms))]);
}

export interface RetryOptions {
  /** Called before each pause. */
  onTrouble?: (error: ApiError) => void;
  /** Called once if the call succeeds after trouble. */
  onRelief?: () => void;
  /** Asked after each failure and each pause; true gives up and throws the failure. */
  stopped?: () => boolean;
}

/** Call `attempt` until it succeeds; throw its first failure that trying again cannot mend. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      const result = await attempt();
      if (failures > 0) options.onRelief?.();
      return result;
    } catch (error) {
      const stopped = (): boolean => options.stopped?.() === true;
      if (!(error instanceof ApiError) || !error.retryable || stopped()) throw error;
      options.onTrouble?.(error);
      await pause(failures, error.waitMs);
      if (stopped()) throw error;
    }
  }
}
