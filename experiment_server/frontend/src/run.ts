/**
 * One session in one page: the jsPsych timeline, led by the server's state.
 *
 * Every part of the timeline asks the state whether its time has come, so that a reload, a resumed
 * session and a first visit take the same way.
 */

import { initJsPsych, type JsPsych } from "jspsych";
import { ApiError, type Api, type Feedback, type Receipt, type State } from "./api";
import { element, paragraphsOf } from "./dom";
import { FeedbackPlugin } from "./feedback-plugin";
import type { Header } from "./header";
import { newUuid } from "./identity";
import { howItWorks } from "./instructions";
import type { Outbox, Parcel } from "./outbox";
import { PagePlugin, type Choice } from "./page-plugin";
import { Pictures, type ReadyTrial } from "./pictures";
import { RecognitionPlugin, type Measured } from "./recognition";
import { atMost, retrying, tryNow, type RetryOptions } from "./retry";
import { Sender, type Verdict } from "./sender";
import { strings } from "./strings";
import { WaitPlugin } from "./wait-plugin";

/** A part of the timeline, as jsPsych describes it. */
type Part = Extract<Parameters<JsPsych["run"]>[0], readonly unknown[]>[number];

/** Refusals that mean that the session is over, whatever this page believes. */
const ENDED = new Set(["session_finished", "session_abandoned"]);

/** Refusals of an answer that the participant can give again, when the server offers its trial again. */
const OUT_OF_STEP = new Set(["out_of_order", "no_such_trial"]);

/** How long someone who leaves waits for the answers that are on their way. */
const LAST_ANSWERS_MS = 5000;

export interface Surroundings {
  api: Api;
  header: Header;
  place: HTMLElement;
  creditsUrl: string;
}

export class Run {
  private readonly jsPsych: JsPsych;
  private readonly sender: Sender;
  private readonly pictures: Pictures;
  private readonly patience: RetryOptions;
  private resumed = false;
  private current: ReadyTrial | null = null;
  private feedback: Feedback | null = null;
  private receipt: Promise<Receipt | null> = Promise.resolve(null);
  private practised = false;
  private given = 0;
  private rounds = 0;
  private failure: unknown = null;
  private over = false;

  constructor(
    private readonly around: Surroundings,
    private state: State,
    private readonly outbox: Outbox,
  ) {
    const { api, header } = around;
    this.patience = {
      onTrouble: (error) => header.trouble(error),
      onRelief: () => header.saving("saved"),
      stopped: () => this.over,
    };
    this.sender = new Sender(api, outbox, {
      connection: (connection) => header.saving(connection),
      trouble: (error) => header.trouble(error),
      acknowledged: () => undefined,
      refused: (error, parcel) => this.refused(error, parcel),
      failed: (error) => this.stop(error),
    });
    this.pictures = new Pictures(api, this.patience);
    this.jsPsych = initJsPsych({ display_element: around.place, use_webaudio: false });
  }

  /** Lead the participant to the end; returns the last state, or throws what made that impossible. */
  async toTheEnd(): Promise<State> {
    this.around.place.replaceChildren();
    const finished = this.jsPsych.run(this.timeline());
    this.around.place.tabIndex = -1;
    await finished;
    this.over = true;
    this.sender.stop();
    if (this.failure !== null) throw this.failure;
    return this.state;
  }

  /** Leave the study, after the answers given so far; what takes too long is not sent any more. */
  async withdraw(): Promise<void> {
    const sent = this.sender.idle();
    tryNow();
    await atMost(LAST_ANSWERS_MS, sent);
    this.state = await this.around.api.withdraw();
    for (const kept of await this.outbox.all()) await this.outbox.remove(kept.id);
    this.stop();
  }

  private stop(failure: unknown = null): void {
    if (this.over) return;
    this.over = true;
    this.failure = failure;
    this.sender.stop();
    this.jsPsych.abortExperiment("");
  }

  private timeline(): Part[] {
    const during = (phase: State["phase"]) => (): boolean => !this.over && this.state.phase === phase;
    return [
      this.wait(strings.page.connecting, () => this.catchUp()),
      { timeline: [this.consentPage()], conditional_function: during("consent") },
      { timeline: [this.openingPage()], conditional_function: during("trials") },
      {
        timeline: [this.trials(), this.wait(strings.saving.last, () => this.everythingSaved())],
        conditional_function: during("trials"),
        loop_function: during("trials"),
      },
      { timeline: [this.debriefPage()], conditional_function: during("debrief") },
    ];
  }

  /** Send what an earlier page left behind, so that the state counts it. */
  private async catchUp(): Promise<void> {
    if ((await this.outbox.all()).length > 0) {
      await this.sender.idle();
      this.state = await retrying(() => this.around.api.state(), this.patience);
    }
    this.given = this.state.answered;
    this.resumed = this.state.phase === "trials" && this.given > 0;
  }

  private consentPage(): Part {
    const { title, texts } = this.state;
    return {
      type: PagePlugin,
      kicker: strings.consent.kicker,
      title,
      paragraphs: paragraphsOf(texts.consent),
      primary: strings.consent.agree,
      secondary: strings.consent.decline,
      on_finish: ({ choice }: { choice?: Choice }) => this.guarded(() => this.consented(choice)),
    };
  }

  private async consented(choice: Choice | undefined): Promise<void> {
    if (choice === undefined) return;
    this.state = await retrying(() => this.around.api.consent(choice === "primary"), this.patience);
  }

  private openingPage(): Part {
    return {
      timeline: [
        { timeline: [this.instructionsPage()], conditional_function: () => !this.resumed },
        { timeline: [this.welcomeBackPage()], conditional_function: () => this.resumed },
      ],
    };
  }

  private instructionsPage(): Part {
    const { texts, response } = this.state;
    const { kicker, title } = strings.instructions;
    return {
      type: PagePlugin,
      kicker,
      title,
      paragraphs: paragraphsOf(texts.instructions),
      extra: () => howItWorks(response),
      primary: strings.instructions.start,
    };
  }

  private welcomeBackPage(): Part {
    const { kicker, title, body, again, go } = strings.welcomeBack;
    const words = (): string[] => [body(this.state.answered, this.state.total), again];
    return { type: PagePlugin, kicker, title, paragraphs: words, primary: go, ready: true };
  }

  private trials(): Part {
    return {
      timeline: [
        this.wait(strings.page.nextPicture, () => this.prepare()),
        { timeline: [this.practiceOverPage()], conditional_function: () => this.practiceJustEnded() },
        { timeline: [this.trial()], conditional_function: () => this.current !== null },
        { timeline: [this.practiceFeedback()], conditional_function: () => this.current?.practice === true },
      ],
      loop_function: () => !this.over && this.current !== null,
    };
  }

  private wait(message: string, task: () => Promise<void>): Part {
    return { type: WaitPlugin, message, task: () => this.guarded(task) };
  }

  private async prepare(): Promise<void> {
    this.around.header.progress(this.progressWith(this.current?.practice ?? false));
    this.current = this.given >= this.state.total ? null : await this.pictures.next();
    if (this.current !== null) this.around.header.progress(this.progressWith(this.current.practice));
  }

  private progressWith(practice: boolean): { answered: number; total: number; practice: boolean } {
    return { answered: this.given, total: this.state.total, practice };
  }

  private practiceJustEnded(): boolean {
    if (this.current === null) return false;
    const ended = this.practised && !this.current.practice;
    this.practised = this.current.practice;
    return ended;
  }

  private practiceOverPage(): Part {
    const { kicker, title, body, go } = strings.practiceOver;
    return { type: PagePlugin, kicker, title, paragraphs: [body], primary: go, ready: true };
  }

  private trial(): Part {
    const now = <Name extends keyof ReadyTrial>(name: Name) => (): ReadyTrial[Name] | undefined => this.current?.[name];
    return {
      type: RecognitionPlugin,
      picture: now("picture"),
      mask: now("maskPicture"),
      width: now("width"),
      height: now("height"),
      fixation_ms: now("fixation_ms"),
      exposure_ms: now("exposure_ms"),
      mask_ms: now("mask_ms"),
      alternatives: now("alternatives"),
      max_words: this.state.response.max_words,
      dont_know: this.state.response.dont_know,
      on_onset: () => this.pictureShown(),
      on_finish: (measured: Partial<Measured>) => this.guarded(() => this.answered(measured)),
    };
  }

  /** Kept and sent in order with the answers, so that a reload in the middle of the trial is known. */
  private pictureShown(): void {
    if (this.over || this.current === null) return;
    const parcel = { session: this.state.session, trial: this.current.trial, answer: null };
    this.sender.add(parcel).catch((error: unknown) => this.stop(error));
  }

  private async answered(measured: Partial<Measured>): Promise<void> {
    const trial = this.current;
    if (trial === null || !isComplete(measured)) return;
    this.receipt = this.sender.receiptOf(trial.trial);
    await this.sender.add(this.parcel(trial, measured));
    this.given += 1;
    this.around.header.progress(this.progressWith(trial.practice));
    trial.picture.close();
    trial.maskPicture?.close();
  }

  private parcel(trial: ReadyTrial, measured: Measured): Parcel {
    const answer = {
      response_uuid: newUuid(),
      response: measured.response,
      dont_know: measured.dont_know,
      rt_ms: measured.rt_ms,
      rt_first_key_ms: measured.rt_first_key_ms,
      exposure_measured_ms: measured.exposure_measured_ms,
      frame_interval_ms: measured.frame_interval_ms,
      dropped_frames: measured.dropped_frames,
      presented_again: trial.already_presented,
      client: { ...measured.client, durable_queue: this.outbox.durable },
    };
    return { session: this.state.session, trial: trial.trial, answer };
  }

  private practiceFeedback(): Part {
    const fetched = async (): Promise<void> => {
      this.feedback = (await this.receipt)?.feedback ?? null;
    };
    const page = {
      type: FeedbackPlugin,
      correct: () => this.feedback?.correct === true,
      answer: () => this.feedback?.answer ?? "",
    };
    return {
      timeline: [
        this.wait(strings.feedback.waiting, fetched),
        { timeline: [page], conditional_function: () => this.feedback !== null },
      ],
    };
  }

  /** After the last trial: wait for every acknowledgement, then ask the server whether it agrees. */
  private async everythingSaved(): Promise<void> {
    await this.sender.idle();
    this.state = await retrying(() => this.around.api.state(), this.patience);
    this.rounds += 1;
    if (this.state.phase !== "trials") return this.around.header.progress(null);
    if (this.rounds > this.state.total + 1) throw new Error("the server has trials left but offers none");
    this.given = this.state.answered;
    this.pictures.reset();
  }

  private debriefPage(): Part {
    const link = (): HTMLElement =>
      element(
        "p",
        { class: "hint" },
        element("a", { href: this.around.creditsUrl, target: "_blank", rel: "noopener" }, strings.debrief.credits),
      );
    return {
      type: PagePlugin,
      kicker: strings.debrief.kicker,
      title: strings.debrief.title,
      paragraphs: paragraphsOf(this.state.texts.debrief),
      extra: link,
      primary: strings.debrief.finish,
      on_finish: ({ choice }: { choice?: Choice }) => this.guarded(() => this.finished(choice)),
    };
  }

  private async finished(choice: Choice | undefined): Promise<void> {
    if (choice === undefined) return;
    this.state = await retrying(() => this.around.api.finish(), this.patience);
  }

  /**
   * The server is right about the order: leave the parcel out and take up what it offers next. A parcel
   * is kept only if a page with a newer token can send it.
   */
  private refused(error: ApiError, parcel: Parcel): Verdict {
    const superseded = error.status === 401;
    if (OUT_OF_STEP.has(error.code)) this.pictures.reset();
    else if (superseded || parcel.answer !== null) void this.giveUp(error);
    return superseded ? "stop" : "drop";
  }

  private async guarded(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      await this.giveUp(error);
    }
  }

  /** Stop here: at the session's end if that is why, else with the failure. */
  private async giveUp(error: unknown): Promise<void> {
    if (!(error instanceof ApiError) || !ENDED.has(error.code)) return this.stop(error);
    try {
      this.state = await retrying(() => this.around.api.state(), this.patience);
      this.stop();
    } catch (another) {
      this.stop(another);
    }
  }
}

function isComplete(measured: Partial<Measured>): measured is Measured {
  return typeof measured.response === "string" && typeof measured.rt_ms === "number";
}
