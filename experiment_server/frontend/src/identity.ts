/** Who has come: a Prolific participant by the address, or a visitor by a number this browser keeps. */

import type { Identity } from "./api";

const KEY = "interpscore.visitor";

/** The visitor's number; a new one on each page load if the browser keeps nothing. */
function visitorNumber(): string {
  try {
    const known = localStorage.getItem(KEY);
    if (known !== null) return known;
    const fresh = newUuid();
    localStorage.setItem(KEY, fresh);
    return fresh;
  } catch {
    return newUuid();
  }
}

/** A random UUID, also on plain-http pages, where crypto.randomUUID is missing. */
export function newUuid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Read the identity from a query string such as ?PROLIFIC_PID=…&STUDY_ID=…&SESSION_ID=…. */
export function identityFrom(query: string): Identity {
  const parameters = new URLSearchParams(query);
  const value = (name: string): string | null => parameters.get(name)?.trim() || null;
  const pid = value("PROLIFIC_PID");
  return {
    prolific_pid: pid,
    prolific_study_id: value("STUDY_ID"),
    prolific_session_id: value("SESSION_ID"),
    visitor: pid === null ? visitorNumber() : null,
  };
}
