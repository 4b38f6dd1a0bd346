/** The pages that nothing follows: done, declined, withdrawn, and every kind of trouble. */

import type { Completion, Outcome, State } from "./api";
import { button, element } from "./dom";
import { strings } from "./strings";
import { detailOf, troubleOf } from "./trouble";

const COPIED_MS = 2000;

function sheet(title: string, body: string, ...more: (Node | null)[]): HTMLElement {
  const heading = element("h1", { tabindex: "-1" }, title);
  return element("article", { class: "sheet ending" }, heading, element("p", {}, body), ...more);
}

function show(place: HTMLElement, page: HTMLElement): void {
  place.replaceChildren(page);
  window.scrollTo(0, 0);
  page.querySelector("h1")?.focus({ preventScroll: true });
}

function copyButton(code: string): HTMLElement | null {
  if (!("clipboard" in navigator)) return null;
  const made = button(strings.ending.copy, "quiet", () => {
    void navigator.clipboard.writeText(code).then(() => {
      made.textContent = strings.ending.copied;
      window.setTimeout(() => (made.textContent = strings.ending.copy), COPIED_MS);
    });
  });
  return made;
}

function codeCard(completion: Completion): HTMLElement {
  const label = element("p", { class: "kicker" }, strings.ending.code);
  const code = element("output", { class: "code" }, completion.code);
  return element("div", { class: "ticket" }, element("div", {}, label, code), copyButton(completion.code));
}

function wayBack(url: string): HTMLElement {
  const link = element("a", { class: "button primary", href: url, rel: "noreferrer" }, strings.ending.prolific);
  const hint = element("p", { class: "hint" }, strings.ending.prolificHint);
  return element("div", { class: "back" }, element("div", { class: "actions" }, link), hint);
}

function afterCode(completion: Completion | null): HTMLElement {
  if (completion === null) return element("p", { class: "hint" }, strings.ending.noCode);
  if (completion.return_url !== null) return wayBack(completion.return_url);
  return element("p", { class: "hint" }, strings.ending.visitorHint);
}

/** Somebody who withdrew and of whom no answer is stored reads that. */
function wordsFor(outcome: Outcome, answered: number): { title: string; body: string } {
  const { withdrawn } = strings.ending;
  return outcome === "withdrawn" && answered === 0 ? { title: withdrawn.title, body: withdrawn.nothing } : strings.ending[outcome];
}

/** How a session ended, with its completion code. */
export function showOutcome(place: HTMLElement, state: State): void {
  const outcome: Outcome = state.outcome ?? "completed";
  const { title, body } = wordsFor(outcome, state.answered);
  const completion = state.completion !== null && state.completion.code !== "" ? state.completion : null;
  show(place, sheet(title, body, completion === null ? null : codeCard(completion), afterCode(completion)));
}

function reload(label: string): HTMLElement {
  return element("div", { class: "actions" }, button(label, "primary", () => window.location.reload()));
}

/** Why the study cannot go on here, and what can be done about it. */
export function showTrouble(place: HTMLElement, error: unknown): void {
  const trouble = troubleOf(error);
  const words = strings.trouble[trouble];
  const action = "action" in words ? reload(words.action) : null;
  const detail = "detail" in words ? element("p", { class: "hint" }, words.detail(detailOf(error))) : null;
  show(place, sheet(words.title, words.body, action, detail));
}
