/**
 * One session in one page: the jsPsych timeline, led by the server's state.
 *
 * Every part of the timeline asks the state whether its time has come, so that a reload, a resumed
 * session and a first visit take the same way.
 */

import { initJsPsych, type JsPsych } from "jspsych";
import { ApiError, type Feedback, type Receipt, type RecordBody, type State } from "./api";
import { debriefing, questionnaire } from "./closing";
import { ConfidencePlugin } from "./confidence-plugin";
import { Draft } from "./draft";
import { FeedbackPlugin } from "./feedback-plugin";
import type { Keeping } from "./header";
import { newUuid } from "./identity";
import { interludes, type Place } from "./interludes";
import { calibration, consent, instructions, warning } from "./opening";
import type { Outbox, Parcel } from "./outbox";
import { only, type Course, type Part, type Surroundings } from "./part";
import { Pictures, type ReadyTrial } from "./pictures";
import { RecognitionPlugin, type Measured } from "./recognition";
import { atMost, retrying, tryNow, type RetryOptions } from "./retry";
import { isFinal, Sender, type Connection, type Verdict } from "./sender";
import { strings } from "./strings";
import { NotStored, troubleOf } from "./trouble";
import { WaitPlugin } from "./wait-plugin";

/** Refusals that mean that the session is over, whatever this page believes. */
const ENDED = new Set(["session_finished", "session_abandoned"]);

/** Refusals of an answer that the participant can give again, when the server offers its trial again. */
const OUT_OF_STEP = new Set(["out_of_order", "no_such_trial"]);

/** Refusals that the page itself is to blame for, so that no other page has the record. */
const UNREADABLE = new Set(["bad_request", "request_entity_too_large"]);

/** What the participant was asked, and is asked again if it is not stored. */
const ASKED: readonly RecordBody["kind"][] = ["instructed", "questionnaire"];

/** How long someone who leaves waits for the answers that are on their way. */
const LAST_ANSWERS_MS = 5000;

/** How sure somebody was, and how long it took to say so. */
interface Sureness {
  confidence: number;
  rt: number;
}

export class Run implements Course {
  private readonly jsPsych: JsPsych;
  private readonly sender: Sender;
  private readonly pictures: Pictures;
  private readonly patience: RetryOptions;
  private readonly recorded = new Set<string>();
  private resumed = false;
  private current: ReadyTrial | null = null;
  /** The trial that was answered last on this page. */
  private before: ReadyTrial | null = null;
  private feedback: Feedback | null = null;
  private receipt: Promise<Receipt | null> = Promise.resolve(null);
  /** The practice went well before all its rounds were done. */
  private practised = false;
  private given = 0;
  private measured: Measured | null = null;
  private rounds = 0;
  private failure: unknown = null;
  private over = false;

  constructor(
    readonly around: Surroundings,
    private now: State,
    private readonly outbox: Outbox,
  ) {
    const { api, header } = around;
    header.rehearsal(now.rehearsal);
    this.patience = {
      onTrouble: (error) => header.trouble(error, this.keeping),
      onRelief: () => this.connected("saved"),
      stopped: () => this.over,
    };
    this.sender = new Sender(api, outbox, {
      connection: (connection) => this.connected(connection),
      trouble: (error) => header.trouble(error, this.keeping),
      acknowledged: (receipt) => this.acknowledged(receipt),
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
    if (this.failure !== null) throw await this.honest(this.failure);
    return this.state;
  }

  /** A failure that promises nothing of what only this page keeps. */
  private async honest(failure: unknown): Promise<unknown> {
    if (this.outbox.durable || troubleOf(failure) !== "broken") return failure;
    const left = await this.outbox.all();
    return left.some(({ answer, record }) => answer ?? record) ? new NotStored(failure) : failure;
  }

  /** Where the answers are that are not sent yet. */
  private get keeping(): Keeping {
    if (this.given === 0) return "nothing";
    return this.outbox.durable ? "device" : "page";
  }

  /** Before the first answer nothing is said of saving. */
  private connected(connection: Connection): void {
    const { header } = this.around;
    header.saving(connection);
    if (connection === "saved" && this.given === 0) header.quiet();
  }

  get state(): State {
    return this.now;
  }

  /** Whether there is something that somebody who leaves may want to be deleted. */
  get hasAnswers(): boolean {
    return this.state.phase !== "consent";
  }

  going(): boolean {
    return !this.over;
  }

  become(state: State): void {
    this.now = state;
  }

  isDone(item: string): boolean {
    return this.recorded.has(item) || this.state.done.includes(item);
  }

  async record(kind: RecordBody["kind"], name: string, data: RecordBody["data"]): Promise<void> {
    const record = { record_uuid: newUuid(), kind, name, data };
    await this.sender.add({ session: this.state.session, record });
    this.recorded.add(name === "" ? kind : `${kind}/${name}`);
  }

  asking<T>(attempt: () => Promise<T>): Promise<T> {
    return retrying(attempt, this.patience);
  }

  wait(message: string, task: () => Promise<void>): Part {
    return { type: WaitPlugin, message, task: () => this.guarded(task) };
  }

  async guarded(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      await this.giveUp(error);
    }
  }

  /**
   * Leave the study. With `deleteAnswers` everything is deleted, and what was not sent yet never is; else
   * the answers given so far are sent first, and what takes too long is not sent any more.
   */
  async withdraw(deleteAnswers: boolean): Promise<void> {
    if (!deleteAnswers) {
      const sent = this.sender.idle();
      tryNow();
      await atMost(LAST_ANSWERS_MS, sent);
    }
    this.now = await this.around.api.withdraw(deleteAnswers);
    this.stop();
    await this.outbox.clear();
    new Draft(this.state.session).forget();
  }

  /** End this page's part, with what made that necessary; null for the session's own end. */
  stop(failure: unknown = null): void {
    if (this.over) return;
    this.over = true;
    this.failure = failure;
    this.sender.stop();
    this.jsPsych.abortExperiment("");
  }

  private timeline(): Part[] {
    const during = (phase: State["phase"]) => (): boolean => !this.over && this.state.phase === phase;
    const opening = [warning(this), calibration(this), only(() => !this.resumed, instructions(this))];
    return [
      this.wait(strings.page.connecting, () => this.catchUp()),
      only(during("consent"), consent(this)),
      only(during("trials"), ...opening),
      {
        timeline: [this.trials(), this.wait(strings.saving.last, () => this.everythingSaved())],
        conditional_function: during("trials"),
        loop_function: during("trials"),
      },
      only(during("debrief"), questionnaire(this), debriefing(this, () => this.finish())),
    ];
  }

  /** Send what an earlier page left behind, so that the state counts it. */
  private async catchUp(): Promise<void> {
    if ((await this.outbox.all()).length > 0) {
      await this.sender.idle();
      this.now = await this.asking(() => this.around.api.state());
    }
    this.given = this.state.answered;
    this.resumed = this.state.phase === "trials" && this.given > 0;
  }

  private trials(): Part {
    return {
      timeline: [
        this.wait(strings.page.nextPicture, () => this.prepare()),
        ...interludes(this, () => this.here()),
        only(() => this.current !== null, this.trial()),
        only(() => this.measured !== null && this.asksConfidence(), this.confidence()),
        only(() => this.current?.practice === true, this.practiceFeedback()),
      ],
      loop_function: () => !this.over && this.current !== null,
    };
  }

  private async prepare(): Promise<void> {
    this.current = this.given >= this.state.total ? null : await this.pictures.next();
    this.showProgress();
  }

  private showProgress(): void {
    const practice = this.current?.practice ?? false;
    this.around.header.progress({ answered: this.given, total: this.total, practice });
  }

  /** Rounds of practice that may turn out not to be needed do not count before they begin. */
  private get total(): number {
    const { practice_trials: trials, practice_rounds: rounds } = this.state.flow;
    if (this.practised || this.current?.practice !== true) return this.state.total;
    const round = Math.floor(this.current.index / trials);
    return this.state.total - (rounds - 1 - round) * trials;
  }

  /** Before the trial that comes next; null if none does. */
  private here(): Place | null {
    if (this.over || this.current === null) return null;
    const { index, practice } = this.current;
    const { given: answered, total, before, resumed } = this;
    return { index, practice, answered, total, before, resumed };
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
      size_degrees: this.state.flow.calibration.size_degrees,
      device_px_per_mm: () => this.state.calibration?.device_px_per_mm ?? null,
      distance_mm: () => this.state.calibration?.distance_mm ?? this.state.flow.calibration.assumed_distance_mm,
      on_onset: () => this.pictureShown(),
      on_finish: (measured: Partial<Measured>) => this.guarded(() => this.named(measured)),
    };
  }

  /** Kept and sent in order with the answers, so that a reload in the middle of the trial is known. */
  private pictureShown(): void {
    if (this.over || this.current === null) return;
    const parcel = { session: this.state.session, trial: this.current.trial, answer: null };
    this.sender.add(parcel).catch((error: unknown) => this.stop(error));
  }

  /** What was seen is named; the answer is complete, unless it is asked how sure one is. */
  private async named(measured: Partial<Measured>): Promise<void> {
    this.measured = isComplete(measured) ? measured : null;
    if (!this.asksConfidence()) await this.answered(null);
  }

  private asksConfidence(): boolean {
    return this.state.response.confidence > 0 && this.measured?.dont_know === false;
  }

  private confidence(): Part {
    return {
      type: ConfidencePlugin,
      levels: this.state.response.confidence,
      on_finish: (given: Partial<Sureness>) =>
        this.guarded(async () => {
          if (isSure(given)) await this.answered(given);
        }),
    };
  }

  /** Keep the complete answer, and have it sent. */
  private async answered(sure: Sureness | null): Promise<void> {
    const { current: trial, measured } = this;
    if (trial === null || measured === null) return;
    this.measured = null;
    this.receipt = this.sender.receiptOf(trial.trial);
    await this.sender.add(this.parcel(trial, measured, sure));
    this.given += 1;
    this.before = trial;
    trial.picture.close();
    trial.maskPicture?.close();
  }

  private parcel(trial: ReadyTrial, measured: Measured, sure: Sureness | null): Parcel {
    const took = sure === null ? {} : { confidence_rt_ms: Math.round(sure.rt) };
    const answer = {
      response_uuid: newUuid(),
      response: measured.response,
      dont_know: measured.dont_know,
      confidence: sure?.confidence ?? null,
      rt_ms: measured.rt_ms,
      rt_first_key_ms: measured.rt_first_key_ms,
      onset_ms: measured.onset_ms,
      offset_ms: measured.offset_ms,
      exposure_measured_ms: measured.exposure_measured_ms,
      exposure_frames: measured.exposure_frames,
      frame_interval_ms: measured.frame_interval_ms,
      dropped_frames: measured.dropped_frames,
      timing_flags: measured.timing_flags,
      presented_again: trial.already_presented,
      client: { ...measured.client, ...took },
    };
    return { session: this.state.session, trial: trial.trial, answer };
  }

  /** The session may have become shorter: practice that went well ends, and its pictures are not wanted any more. */
  private acknowledged({ total }: Receipt): void {
    if (total === this.state.total) return;
    this.now = { ...this.state, total };
    this.practised = true;
    this.pictures.reset();
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
        only(() => this.feedback !== null, page),
      ],
    };
  }

  /** After the last trial: wait for every acknowledgement, then ask the server whether it agrees. */
  private async everythingSaved(): Promise<void> {
    await this.sender.idle();
    this.now = await this.asking(() => this.around.api.state());
    this.rounds += 1;
    if (this.state.phase !== "trials") return this.around.header.progress(null);
    if (this.rounds > this.state.total + 1) throw new Error("the server has trials left but offers none");
    this.given = this.state.answered;
    this.pictures.reset();
  }

  /** The server ends the session when it holds everything. */
  private async finish(): Promise<void> {
    if (!this.over) await this.sender.idle();
    if (!this.over) this.now = await this.asking(() => this.around.api.finish());
  }

  /**
   * The server is right about the order: leave the parcel out and take up what it offers next. A parcel
   * is kept only if a page with a newer token can send it.
   */
  private refused(error: ApiError, parcel: Parcel): Verdict {
    const superseded = error.status === 401;
    if (OUT_OF_STEP.has(error.code)) this.pictures.reset();
    else if (superseded || ENDED.has(error.code)) void this.giveUp(error);
    else if (isLost(error, parcel)) void this.giveUp(new NotStored(error));
    else if (parcel.answer) void this.giveUp(error);
    return superseded ? "stop" : "drop";
  }

  /** Stop here: at the session's end if that is why, else with the failure. */
  private async giveUp(error: unknown): Promise<void> {
    if (!(error instanceof ApiError) || !ENDED.has(error.code)) return this.stop(error);
    try {
      this.now = await this.asking(() => this.around.api.state());
      this.stop();
    } catch (another) {
      this.stop(another);
    }
  }
}

/** Whether something that was asked is not kept any longer, and not stored either. */
function isLost(error: ApiError, parcel: Parcel): boolean {
  if (parcel.record === undefined) return parcel.answer !== null && isFinal(error);
  return UNREADABLE.has(error.code) && ASKED.includes(parcel.record.kind);
}

function isComplete(measured: Partial<Measured>): measured is Measured {
  return typeof measured.response === "string" && typeof measured.rt_ms === "number";
}

function isSure(given: Partial<Sureness>): given is Sureness {
  return typeof given.confidence === "number" && typeof given.rt === "number";
}
