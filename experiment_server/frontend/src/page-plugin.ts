/** A page of text with one or two buttons, as a jsPsych plugin: consent, instructions, breaks, debrief. */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { button, element, paragraphs } from "./dom";
import type { Filled } from "./filled";

const info = {
  name: "interpscore-page",
  version: "0.1.0",
  parameters: {
    /** A few words above the title. */
    kicker: { type: ParameterType.STRING, default: "" },
    title: { type: ParameterType.STRING, default: undefined },
    paragraphs: { type: ParameterType.STRING, array: true, default: [] },
    /** Makes what stands between the text and the buttons; null for nothing. */
    extra: { type: ParameterType.FUNCTION, default: () => null },
    /** The label of the button that goes on. */
    primary: { type: ParameterType.STRING, default: undefined },
    /** The label of the other button; empty for none. */
    secondary: { type: ParameterType.STRING, default: "" },
    /** Whether Enter alone goes on: the button has the focus, not the title. */
    ready: { type: ParameterType.BOOL, default: false },
  },
  data: {
    /** Which button was pressed: primary or secondary. */
    choice: { type: ParameterType.STRING },
    /** From the page's appearance to the press, in ms. */
    rt: { type: ParameterType.FLOAT },
  },
} as const;

type Info = typeof info;

export type Choice = "primary" | "secondary";

export class PagePlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(private readonly jsPsych: JsPsych) {}

  trial(display: HTMLElement, trial: Filled<Info>): void {
    const start = performance.now();
    const finish = (choice: Choice): void => this.jsPsych.finishTrial({ choice, rt: performance.now() - start });
    const title = element("h1", { tabindex: "-1" }, trial.title);
    const go = button(trial.primary, "primary", () => finish("primary"));
    const other = trial.secondary === "" ? null : button(trial.secondary, "quiet", () => finish("secondary"));
    display.append(
      element(
        "article",
        { class: "sheet" },
        trial.kicker === "" ? null : element("p", { class: "kicker" }, trial.kicker),
        title,
        ...paragraphs(trial.paragraphs),
        trial.extra() as Node | null,
        element("div", { class: "actions" }, go, other),
      ),
    );
    window.scrollTo(0, 0);
    (trial.ready ? go : title).focus({ preventScroll: true });
  }
}
