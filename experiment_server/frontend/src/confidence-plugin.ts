/** Asks how sure one is of the answer just given, as a jsPsych plugin: the trial's page stays as it was. */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { button, element } from "./dom";
import type { Filled } from "./filled";
import { isPlain } from "./keys";
import { settle } from "./settle";
import { strings } from "./strings";

const info = {
  name: "interpscore-confidence",
  version: "0.1.0",
  parameters: {
    /** Levels from 1, a guess, to this one, certain; 2 to 9. */
    levels: { type: ParameterType.INT, default: undefined },
  },
  data: {
    confidence: { type: ParameterType.INT },
    /** From the question's appearance to the answer, in ms. */
    rt: { type: ParameterType.FLOAT },
  },
} as const;

type Info = typeof info;

/** A key that comes sooner was pressed for the answer before, in ms. */
const TOO_SOON_MS = 300;

export class ConfidencePlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(private readonly jsPsych: JsPsych) {}

  trial(display: HTMLElement, trial: Filled<Info>): void {
    const start = performance.now();
    const over = new AbortController();
    const finish = (confidence: number, at: number): void => {
      over.abort();
      this.jsPsych.finishTrial({ confidence, rt: at - start });
    };
    const prompt = element("h1", { class: "prompt", id: "confidence" }, strings.confidence.question);
    const scale = scaleOf(trial.levels, (level) => finish(level, performance.now()));
    const panel = element("div", { class: "panel confidence" }, prompt, scale);
    display.append(element("div", { class: "trial" }, element("div", { class: "stage" }), panel));
    document.addEventListener("keydown", (event) => event.timeStamp - start >= TOO_SOON_MS && pressed(event, trial.levels, finish), { signal: over.signal });
    settle(panel, scale, TOO_SOON_MS);
  }
}

/** No level has the focus, so that an Enter too many chooses none. */
function scaleOf(levels: number, choose: (level: number) => void): HTMLElement {
  const { guess, certain } = strings.confidence;
  const row = element("div", { class: "levels" }, ...Array.from({ length: levels }, (_, below) => levelButton(below + 1, levels, choose)));
  const ends = element("div", { class: "ends", "aria-hidden": "true" }, element("span", {}, guess), element("span", {}, certain));
  return element("div", { class: "scale", role: "group", "aria-labelledby": "confidence", tabindex: "-1" }, row, ends);
}

function levelButton(level: number, levels: number, choose: (level: number) => void): HTMLButtonElement {
  const made = button(String(level), "choice level", () => choose(level));
  made.setAttribute("aria-keyshortcuts", String(level));
  if (level === 1) made.setAttribute("aria-label", strings.confidence.lowest(level));
  if (level === levels) made.setAttribute("aria-label", strings.confidence.highest(level));
  return made;
}

function pressed(event: KeyboardEvent, levels: number, finish: (level: number, at: number) => void): void {
  const level = /^[1-9]$/.test(event.key) ? Number(event.key) : 0;
  if (!isPlain(event) || level < 1 || level > levels) return;
  event.preventDefault();
  finish(level, event.timeStamp);
}
