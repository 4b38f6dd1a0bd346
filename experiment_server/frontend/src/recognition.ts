/**
 * The timed trial, as a jsPsych plugin: cross → picture → mask → answer.
 *
 * jsPsych's own plugins switch pictures with timers; this one draws in requestAnimationFrame, counts in
 * the display's frames, and stores what was shown, by the frames and by the display's own account.
 */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { answerForm, type Answer, type AnswerForm } from "./answer";
import { element } from "./dom";
import type { Filled } from "./filled";
import { Presentation, type Shown } from "./presentation";
import { degreesOf, Stage, widthOf, type Fit, type Viewing } from "./stage";
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
    /** Width of the picture in degrees of visual angle; null, or an unknown screen, shows it pixel for pixel. */
    size_degrees: { type: ParameterType.FLOAT, default: null },
    /** Device pixels per mm of the screen, as measured; null if unknown. */
    device_px_per_mm: { type: ParameterType.FLOAT, default: null },
    /** Viewing distance, measured or assumed, in mm; null if unknown. */
    distance_mm: { type: ParameterType.FLOAT, default: null },
    /** Called after the frame in which the picture appears. */
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
    /** The frames in which the picture appeared and went, in ms of the page's clock. */
    onset_ms: { type: ParameterType.FLOAT },
    offset_ms: { type: ParameterType.FLOAT },
    /** From the one to the other, in ms. */
    exposure_measured_ms: { type: ParameterType.FLOAT },
    /** The same in frames of the display. */
    exposure_frames: { type: ParameterType.INT },
    /** The time between two frames of the display, in ms. */
    frame_interval_ms: { type: ParameterType.FLOAT },
    /** Frames that the display missed while the picture was shown; null until-response. */
    dropped_frames: { type: ParameterType.INT },
    /** What was wrong with the presentation, in the words of TimingFlag. */
    timing_flags: { type: ParameterType.STRING, array: true },
    /** The screen, how the answer was typed, and what drew the participant away. */
    client: { type: ParameterType.OBJECT },
  },
} as const;

type Info = typeof info;

/** What one trial measured, under the names of the participant API. */
export interface Measured {
  response: string;
  dont_know: boolean;
  rt_ms: number;
  rt_first_key_ms: number | null;
  onset_ms: number;
  offset_ms: number;
  exposure_measured_ms: number;
  exposure_frames: number;
  frame_interval_ms: number;
  dropped_frames: number | null;
  timing_flags: string[];
  client: Record<string, unknown>;
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100;
const roundedOrNull = (ms: number | null): number | null => (ms === null ? null : rounded(ms));

export class RecognitionPlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(protected readonly jsPsych: JsPsych) {}

  async trial(display: HTMLElement, trial: Filled<Info>, onLoad?: () => void): Promise<Measured & Record<string, unknown>> {
    const over = new AbortController();
    const view = new View(trial);
    display.append(view.element);
    const size = await view.prepare();
    onLoad?.();
    const attention = watchAttention(over.signal);
    const presentation = new Presentation(view.stage, timingOf(trial), over.signal);
    let screen: Record<string, unknown> = {};
    await presentation.run(() => {
      screen = screenOf(size, trial);
      (trial.on_onset as () => void)();
    });
    const answer = await view.ask(over.signal);
    if (trial.exposure_ms <= 0) await presentation.takeAway();
    const shown = await presentation.result();
    over.abort();
    view.stage.release();
    const client = { ...screen, ...displayOf(shown), ...mannerOf(answer, shown, attention) };
    return { ...measured(shown, answer), client };
  }
}

function timingOf(trial: Filled<Info>): { fixation: number; exposure: number; mask: number } {
  return { fixation: trial.fixation_ms, exposure: trial.exposure_ms, mask: trial.mask_ms };
}

function viewingOf(trial: Filled<Info>): Viewing | null {
  const { device_px_per_mm: pxPerMm, distance_mm: distanceMm } = trial;
  return pxPerMm > 0 && distanceMm > 0 ? { pxPerMm, distanceMm } : null;
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

  /** Draw what will be shown, off the page. */
  async prepare(): Promise<Fit> {
    const { width, height, size_degrees: degrees, picture, mask } = this.trial;
    const viewing = viewingOf(this.trial);
    const size = this.stage.prepare(width, height, viewing === null || !(degrees > 0) ? null : widthOf(degrees, viewing));
    await this.stage.load(picture as ImageBitmap, mask as ImageBitmap | null);
    return size;
  }

  async ask(stop: AbortSignal): Promise<Answer> {
    this.prompt.textContent = this.trial.exposure_ms > 0 ? strings.trial.question : strings.trial.questionNow;
    this.panel.classList.remove("waiting");
    const answer = await this.form.ask(stop);
    this.panel.classList.add("waiting");
    return answer;
  }
}

function measured(shown: Shown, answer: Answer): Omit<Measured, "client"> {
  const firstKey = answer.firstKeyAt === null ? null : rounded(Math.max(0, answer.firstKeyAt - shown.onset));
  return {
    response: answer.response,
    dont_know: answer.dontKnow,
    rt_ms: rounded(Math.max(0, answer.at - shown.onset)),
    rt_first_key_ms: firstKey,
    onset_ms: rounded(shown.onset),
    offset_ms: rounded(shown.offset),
    exposure_measured_ms: rounded(shown.exposure),
    exposure_frames: shown.frames,
    frame_interval_ms: rounded(shown.interval),
    dropped_frames: shown.dropped,
    timing_flags: shown.flags,
  };
}

/** The screen as it is now; call it when the picture is on it. */
function screenOf(size: Fit, trial: Filled<Info>): Record<string, unknown> {
  const viewing = viewingOf(trial);
  const density = window.devicePixelRatio || 1;
  return {
    viewport: [window.innerWidth, window.innerHeight],
    device_pixel_ratio: density,
    pinch_zoom: rounded(window.visualViewport?.scale ?? 1),
    picture_scale: size.scale,
    picture_css_px: [size.deviceWidth / density, size.deviceHeight / density],
    picture_device_px: [size.deviceWidth, size.deviceHeight],
    picture_degrees: viewing === null ? null : rounded(degreesOf(size.deviceWidth, viewing)),
  };
}

function displayOf(shown: Shown): Record<string, unknown> {
  return {
    display_onset_ms: roundedOrNull(shown.displayOnset),
    display_offset_ms: roundedOrNull(shown.displayOffset),
    frame_spread_ms: rounded(shown.spread),
  };
}

function mannerOf(answer: Answer, shown: Shown, attention: Attention): Record<string, unknown> {
  return {
    times_hidden: attention.timesHidden,
    hidden_ms: attention.hiddenMs,
    times_blurred: attention.timesBlurred,
    blurred_ms: attention.blurredMs,
    key_times_ms: answer.keyTimes.map((at) => Math.round(at - shown.onset)),
    largest_insert: answer.inserted,
    largest_insert_by: answer.insertedBy,
    pastes: answer.pastes,
    drops: answer.drops,
    touch: window.matchMedia("(pointer: coarse)").matches,
  };
}
