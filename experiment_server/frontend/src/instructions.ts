/** The steps of a trial, drawn. */

import type { State } from "./api";
import { element, icon, ICONS } from "./dom";
import { strings } from "./strings";

function step(drawing: string, [title, text]: readonly [string, string] | readonly string[]): HTMLElement {
  const words = element("div", {}, element("strong", {}, title ?? ""), element("span", {}, text ?? ""));
  return element("li", {}, element("span", { class: "badge" }, icon(drawing)), words);
}

export function howItWorks(response: State["response"]): HTMLElement {
  const { steps, guess, guessOrSkip } = strings.instructions;
  const last = response.form === "free_text" ? steps.type(response.max_words) : steps.choose;
  const sure = response.confidence > 0 ? step(ICONS.scale, steps.confidence(response.confidence)) : null;
  const list = element("ol", { class: "steps" }, step(ICONS.cross, steps.look), step(ICONS.eye, steps.see), step(ICONS.speak, last), sure);
  return element("div", {}, list, element("p", { class: "hint" }, response.dont_know ? guessOrSkip : guess));
}
