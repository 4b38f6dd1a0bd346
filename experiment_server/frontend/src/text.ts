/** What a participant typed, as the server takes it. */

import type { Answers } from "./draft";

/** Characters that the server takes of one answer. */
export const MOST_CHARACTERS = 200;

/** Halves of characters, which no text may hold. */
const HALVES = /\p{Surrogate}/gu;
const CONTROLS = /[\u0001-\u001f\u007f]/g;

/** The text without what no database stores, which may come with a paste, and no longer than the server takes. */
export function cleaned(text: string): string {
  const whole = text.replaceAll("\0", "").replace(HALVES, "\ufffd").replace(CONTROLS, " ");
  return [...whole].slice(0, MOST_CHARACTERS).join("");
}

/** Bytes of JSON that a record has room for, apart from what stands around the answers. */
const ROOM = 15_000;

/** What a record has room for: where all answers together are too long, the longest are cut. */
export function fitting(answers: Answers): Answers {
  const cut = { ...answers };
  while (bytesOf(cut) > ROOM) {
    const [name, answer] = Object.entries(cut).reduce((a, b) => ((b[1]?.length ?? 0) > (a[1]?.length ?? 0) ? b : a));
    cut[name] = [...(answer ?? "")].slice(0, -5).join("");
  }
  return cut;
}

/** As the server counts: what is not ASCII takes six bytes. */
function bytesOf(answers: Answers): number {
  return JSON.stringify(answers).replace(/[^ -~]/g, "\\u0000").length;
}
