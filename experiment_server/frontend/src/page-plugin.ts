/** A page of text with one or two buttons, as a jsPsych plugin: consent, warning, instructions, breaks, debrief. */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { button, element, paragraphs } from "./dom";
import type { Filled } from "./filled";
import { settleButton } from "./settle";
import { asWritten } from "./words";

const info = {
  name: "interpscore-page",
  version: "0.2.0",
  parameters: {
    /** A few words above the title. */
    kicker: { type: ParameterType.STRING, default: "" },
    title: { type: ParameterType.STRING, default: undefined },
    paragraphs: { type: ParameterType.STRING, array: true, default: [] },
    /** Whether title and paragraphs are the study's, in its own language. */
    title_as_written: { type: ParameterType.BOOL, default: false },
    text_as_written: { type: ParameterType.BOOL, default: false },
    /** Makes what stands between the text and the buttons; null for nothing. */
    extra: { type: ParameterType.FUNCTION, default: () => null },
    /** The label of the button that goes on. */
    primary: { type: ParameterType.STRING, default: undefined },
    /** The label of the other button; empty for none. */
    secondary: { type: ParameterType.STRING, default: "" },
    /** What the other button does, if it does not end the page; null if it does. */
    on_secondary: { type: ParameterType.FUNCTION, default: null },
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
    const otherwise = (trial.on_secondary as (() => void) | null) ?? ((): void => finish("secondary"));
    const title = element("h1", { tabindex: "-1", ...(trial.title_as_written ? asWritten : {}) }, trial.title);
    const go = button(trial.primary, "primary", () => finish("primary"));
    const other = trial.secondary === "" ? null : button(trial.secondary, "quiet", otherwise);
    const actions = element("div", { class: "actions" }, go, other);
    display.append(
      element(
        "article",
        { class: "sheet" },
        trial.kicker === "" ? null : element("p", { class: "kicker" }, trial.kicker),
        title,
        ...paragraphs(trial.paragraphs, trial.text_as_written ? asWritten : {}),
        trial.extra() as Node | null,
        actions,
      ),
    );
    window.scrollTo(0, 0);
    if (trial.ready) settleButton(actions, go);
    else title.focus({ preventScroll: true });
  }
}
