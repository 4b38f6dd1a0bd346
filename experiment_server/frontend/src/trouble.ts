/** Which friendly page a failure leads to. */

import { ApiError } from "./api";
import { strings } from "./strings";

export type Trouble = "superseded" | "full" | "closed" | "notOpen" | "incomplete" | "unknown" | "notStored" | "broken";

const BY_CODE: Record<string, Trouble> = {
  superseded: "superseded",
  study_full: "full",
  study_closed: "closed",
  study_not_open: "notOpen",
  incomplete_link: "incomplete",
  no_such_study: "unknown",
};

/** Something that was answered is lost, for a reason that no other page mends. */
export class NotStored extends Error {
  constructor(readonly reason: unknown) {
    super("an answer is not stored");
  }
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof NotStored) return "notStored";
  return error instanceof ApiError ? (BY_CODE[error.code] ?? "broken") : "broken";
}

const BUSY_BY_CODE: Record<string, string> = {
  too_many_requests: strings.status.tooManyRequests,
  too_many_arrivals: strings.status.tooManyArrivals,
};

/** What to say while a server that is busy is asked again; null if it is the connection that is missing. */
export function busyWords(error: unknown): string | null {
  if (!(error instanceof ApiError) || (error.status !== 429 && error.status !== 503)) return null;
  return BUSY_BY_CODE[error.code] ?? strings.status.busy;
}

/** A few words for a person who reports the failure; no text of the participant's. */
export function detailOf(error: unknown): string {
  if (error instanceof NotStored) return detailOf(error.reason);
  if (error instanceof ApiError) return `${error.status} ${error.code}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
