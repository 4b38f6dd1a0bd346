/**
 * The timed trial, as a jsPsych plugin: cross → picture → mask → answer.
 *
 * jsPsych's own plugins switch pictures with timers; this one draws in requestAnimationFrame, decides by
 * the elapsed time of the frames when to switch, and stores what the frames say was shown.
 */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { answerForm, type Answer, type AnswerForm } from "./answer";
import { element } from "./dom";
import type { Filled } from "./filled";
import { displayClock } from "./frames";
import { Stage, type Fit } from "./stage";
import { strings } from "./strings";
import { watchAttention, type Attention } from "./attention";

const info = {
  name: "interpscore-recognition",
  version: "0.1.0",
  parameters: {
    /** The decoded picture, an ImageBitmap. */
    picture: { type: ParameterType.OBJECT, default: undefined },
    /** The decoded mask, or null for none. */
    mask: { type: ParameterType.OBJECT, default: null },
    /** Size of the picture in its own pixels. */
    width: { type: ParameterType.INT, default: undefined },
    height: { type: ParameterType.INT, default: undefined },
    /** How long the cross is shown, in ms. */
    fixation_ms: { type: ParameterType.FLOAT, default: 300 },
    /** How long the picture is shown, in ms; 0 shows it until the answer. */
    exposure_ms: { type: ParameterType.FLOAT, default: 500 },
    /** How long the mask is shown, in ms. */
    mask_ms: { type: ParameterType.FLOAT, default: 0 },
    /** The words to choose from, or null to ask for typed words. */
    alternatives: { type: ParameterType.COMPLEX, default: null },
    /** The largest number of typed words. */
    max_words: { type: ParameterType.INT, default: 3 },
    /** Whether "I don't know" is offered. */
    dont_know: { type: ParameterType.BOOL, default: true },
    /** Called in the frame in which the picture appears. */
    on_onset: { type: ParameterType.FUNCTION, default: () => undefined },
  },
  data: {
    /** What was typed or chosen; empty with dont_know. */
    response: { type: ParameterType.STRING },
    dont_know: { type: ParameterType.BOOL },
    /** From the frame in which the picture appeared to the submission, in ms. */
    rt_ms: { type: ParameterType.FLOAT },
    /** From the same frame to the first key, in ms; null without a key. */
    rt_first_key_ms: { type: ParameterType.FLOAT },
    /** From the frame in which the picture appeared to the frame in which it went, in ms. */
    exposure_measured_ms: { type: ParameterType.FLOAT },
    /** The usual time between two frames, in ms. */
    frame_interval_ms: { type: ParameterType.FLOAT },
    /** Frames that the display missed while the picture was shown. */
    dropped_frames: { type: ParameterType.INT },
    /** The screen, and what drew the participant away. */
    client: { type: ParameterType.OBJECT },
  },
} as const;

type Info = typeof info;

interface Shown {
  onset: number;
  exposure: number | null;
  interval: number;
  dropped: number | null;
}

/** What one trial measured, under the names of the participant API. */
export interface Measured {
  response: string;
  dont_know: boolean;
  rt_ms: number;
  rt_first_key_ms: number | null;
  exposure_measured_ms: number | null;
  frame_interval_ms: number;
  dropped_frames: number | null;
  client: Record<string, unknown>;
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100;

export class RecognitionPlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(protected readonly jsPsych: JsPsych) {}

  async trial(display: HTMLElement, trial: Filled<Info>, onLoad?: () => void): Promise<Measured & Record<string, unknown>> {
    const over = new AbortController();
    const view = new View(trial);
    display.append(view.element);
    const size = view.stage.prepare(trial.width, trial.height);
    onLoad?.();
    const attention = watchAttention(over.signal);
    const shown = await present(view, trial);
    const answer = await view.ask(over.signal);
    const complete = trial.exposure_ms > 0 ? shown : await takeAway(view, shown);
    over.abort();
    return { ...measured(complete, answer, size, attention) };
  }
}

/** The picture's stage above, the panel for the answer below. */
class View {
  readonly stage = new Stage();
  readonly element: HTMLElement;
  private readonly form: AnswerForm;
  private readonly prompt: HTMLElement;
  private readonly panel: HTMLElement;

  constructor(private readonly trial: Filled<Info>) {
    this.form = answerForm({
      alternatives: trial.alternatives as string[] | null,
      maxWords: trial.max_words,
      dontKnow: trial.dont_know,
    });
    this.prompt = element("h1", { class: "prompt" }, strings.trial.watch);
    this.panel = element("div", { class: "panel waiting" }, this.prompt, this.form.element);
    this.element = element("div", { class: "trial" }, this.stage.element, this.panel);
  }

  async ask(stop: AbortSignal): Promise<Answer> {
    this.prompt.textContent = this.trial.exposure_ms > 0 ? strings.trial.question : strings.trial.questionNow;
    this.panel.classList.remove("waiting");
    const answer = await this.form.ask(stop);
    this.panel.classList.add("waiting");
    return answer;
  }
}

/** Show the cross, the picture and the mask; returns when it is time to answer. */
async function present(view: View, trial: Filled<Info>): Promise<Shown> {
  displayClock.rest();
  const start = await displayClock.next();
  view.stage.cross();
  const onset = trial.fixation_ms > 0 ? await displayClock.hold(start, trial.fixation_ms) : await displayClock.next();
  view.stage.picture(trial.picture as ImageBitmap);
  displayClock.restart();
  trial.on_onset();
  if (trial.exposure_ms <= 0) return { onset, exposure: null, interval: displayClock.interval, dropped: null };
  const offset = await displayClock.hold(onset, trial.exposure_ms);
  const shown = { onset, exposure: offset - onset, interval: displayClock.interval, dropped: displayClock.dropped };
  await showMask(view, trial, offset);
  return shown;
}

async function showMask(view: View, trial: Filled<Info>, since: number): Promise<void> {
  view.stage.blank();
  if (trial.mask === null || trial.mask_ms <= 0) return;
  view.stage.picture(trial.mask as ImageBitmap);
  await displayClock.hold(since, trial.mask_ms);
  view.stage.blank();
}

/** End a presentation that lasted until the answer. */
async function takeAway(view: View, shown: Shown): Promise<Shown> {
  displayClock.rest();
  const offset = await displayClock.next();
  view.stage.blank();
  return { ...shown, exposure: offset - shown.onset };
}

function measured(shown: Shown, answer: Answer, size: Fit, attention: Attention): Measured {
  const firstKey = answer.firstKeyAt === null ? null : rounded(Math.max(0, answer.firstKeyAt - shown.onset));
  return {
    response: answer.response,
    dont_know: answer.dontKnow,
    rt_ms: rounded(Math.max(0, answer.at - shown.onset)),
    rt_first_key_ms: firstKey,
    exposure_measured_ms: shown.exposure === null ? null : rounded(shown.exposure),
    frame_interval_ms: rounded(shown.interval),
    dropped_frames: shown.dropped,
    client: {
      viewport: [window.innerWidth, window.innerHeight],
      device_pixel_ratio: window.devicePixelRatio,
      picture_scale: size.scale,
      picture_css_px: [size.cssWidth, size.cssHeight],
      times_hidden: attention.timesHidden,
      times_blurred: attention.timesBlurred,
      pastes: answer.pastes,
    },
  };
}
