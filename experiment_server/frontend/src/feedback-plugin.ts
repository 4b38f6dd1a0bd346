/** Tells whether a practice answer was right, as a jsPsych plugin. */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { button, element, icon, ICONS } from "./dom";
import type { Filled } from "./filled";
import { settleButton } from "./settle";
import { strings } from "./strings";

const info = {
  name: "interpscore-feedback",
  version: "0.1.0",
  parameters: {
    correct: { type: ParameterType.BOOL, default: undefined },
    answer: { type: ParameterType.STRING, default: undefined },
  },
  data: {
    /** From the feedback's appearance to going on, in ms. */
    rt: { type: ParameterType.FLOAT },
  },
} as const;

type Info = typeof info;

export class FeedbackPlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(private readonly jsPsych: JsPsych) {}

  trial(display: HTMLElement, trial: Filled<Info>): void {
    const start = performance.now();
    const next = button(strings.feedback.next, "primary", () => this.jsPsych.finishTrial({ rt: performance.now() - start }));
    const kind = trial.correct ? "right" : "wrong";
    const verdict = element(
      "div",
      { class: `verdict ${kind}`, role: "status" },
      element("span", { class: "badge" }, icon(trial.correct ? ICONS.tick : ICONS.miss)),
      element("div", {}, element("h1", {}, strings.feedback[kind]), element("p", {}, strings.feedback.answer(trial.answer))),
    );
    const panel = element("div", { class: "panel feedback" }, verdict, next);
    display.append(element("div", { class: "trial" }, element("div", { class: "stage" }), panel));
    settleButton(panel, next);
  }
}
