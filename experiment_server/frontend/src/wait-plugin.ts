/** Waits for something to be done, and says so if it takes long, as a jsPsych plugin. */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { element } from "./dom";
import type { Filled } from "./filled";

const PATIENCE_MS = 400;

const info = {
  name: "interpscore-wait",
  version: "0.1.0",
  parameters: {
    /** Starts what is to be waited for; returns a promise. */
    task: { type: ParameterType.FUNCTION, default: undefined },
    /** What to say if it is not done at once. */
    message: { type: ParameterType.STRING, default: "" },
  },
  data: {
    /** How long it took, in ms. */
    waited_ms: { type: ParameterType.FLOAT },
  },
} as const;

type Info = typeof info;

/** The grey stage and an empty panel, so that nothing on the page moves while one waits. */
export function waiting(message: string): HTMLElement {
  const text = element("p", { class: "prompt", role: "status" });
  window.setTimeout(() => text.replaceChildren(message), PATIENCE_MS);
  return element("div", { class: "trial" }, element("div", { class: "stage" }), element("div", { class: "panel" }, text));
}

export class WaitPlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(protected readonly jsPsych: JsPsych) {}

  async trial(display: HTMLElement, trial: Filled<Info>, onLoad?: () => void): Promise<{ waited_ms: number }> {
    const start = performance.now();
    display.append(waiting(trial.message));
    onLoad?.();
    await trial.task();
    return { waited_ms: performance.now() - start };
  }
}
