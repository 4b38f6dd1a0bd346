/** Shows cross, picture and mask, and finds out when each was seen, for how long, and what went wrong. */

import { displayTimes, type Report } from "./display-times";
import { displayClock as clock, endOfFrame, median, type Frame } from "./frames";
import type { Sheet, Stage } from "./stage";

/**
 * What was wrong with a presentation: frames were missed while the picture was there; it was there about half
 * a frame or more too long or too short; the frame that should have shown or removed it was late, or could
 * not be verified; the page was out of sight.
 */
export type TimingFlag = "dropped" | "long" | "short" | "late_onset" | "late_offset" | "hidden";

export interface Timing {
  /** How long the cross is shown, in ms. */
  fixation: number;
  /** How long the picture is shown, in ms; 0 shows it until `takeAway`. */
  exposure: number;
  /** How long the mask is shown, in ms. */
  mask: number;
}

/** By this share of a frame a change may be later than usual, by the display's report or by the page's own work. */
const LATE = { reported: 0.75, worked: 0.5 };
/** Exposures that differ by less than this share of a frame are the same; a bit less than half, to miss none that is. */
const SAME = 0.45;
/** What the display reports is rounded up to so many ms. */
const GRAIN_MS = window.crossOriginIsolated ? 0.1 : 4;
/** How much two reports vary beside being rounded, in ms. */
const JITTER_MS = 0.25;
/** So long is waited for a report, in ms. */
const PATIENCE_MS = 250;
const REMEMBERED = 30;

/** The usual time from a frame to its appearance on the display, in ms. */
const delays: number[] = [];

/** Times of frames that differ by less, in ms, are the same. */
const nearFrames = (): number => SAME * clock.interval;

/** The same where one of the two is by the display's reports. */
const nearReports = (): number => Math.max(nearFrames(), GRAIN_MS + JITTER_MS);

/** One change of what the stage shows, and what the page can learn about when it was seen. */
class Change {
  private done: number | null = null;
  private learnt = false;

  constructor(
    readonly frame: Frame,
    readonly report: Report,
  ) {
    void endOfFrame().then((now) => (this.done = now));
  }

  /** The time of the frame that really showed it, as well as it is known by now. */
  get seen(): number {
    const byWork = this.frame.time + Math.max(this.frame.late, this.framesOfWork) * clock.interval;
    const usual = this.usualDelay();
    if (this.report.time === null || usual === null) return byWork;
    const byDisplay = this.report.time - usual;
    return Math.abs(byDisplay - byWork) < nearReports() ? byWork : byDisplay;
  }

  /** Whether it came later than its frame, or may have. */
  get late(): boolean {
    if (this.frame.late > 0 || this.framesOfWork > 0) return true;
    const usual = this.usualDelay();
    if (!displayTimes.told) return this.work > LATE.worked * clock.interval;
    if (this.report.time === null) return true;
    const most = LATE.reported * clock.interval + GRAIN_MS;
    return usual !== null && this.report.time - this.frame.time - usual > most;
  }

  /** Take the delay of this change for a usual one, if nothing was wrong with it. */
  learn(): void {
    if (this.learnt || this.report.time === null || this.frame.late > 0 || this.framesOfWork > 0) return;
    this.learnt = true;
    delays.push(this.report.time - this.frame.time);
    if (delays.length > REMEMBERED) delays.shift();
  }

  /** From the frame's time to the end of its work, in ms. */
  private get work(): number {
    return this.done === null ? 0 : this.done - this.frame.time;
  }

  private get framesOfWork(): number {
    return Math.max(0, Math.floor(this.work / clock.interval));
  }

  private usualDelay(): number | null {
    return delays.length === 0 ? null : median(delays, 0);
  }
}

function change(stage: Stage, sheet: Sheet, frame: Frame): Change {
  stage.show(sheet);
  return new Change(frame, displayTimes.watch(stage.probe));
}

/** What the page found out about a presentation. All times are in ms of the page's clock. */
export interface Shown {
  /** The frame that showed the picture, and the one that removed it. */
  onset: number;
  offset: number;
  exposure: number;
  frames: number;
  interval: number;
  /** How much the interval varies. */
  spread: number;
  /** null where the frames in between were not counted. */
  dropped: number | null;
  flags: TimingFlag[];
  /** When the display showed and removed the picture, by its own account; null where it gives none. */
  displayOnset: number | null;
  displayOffset: number | null;
}

/** One picture's way over the stage. */
export class Presentation {
  private readonly changes: Change[] = [];
  private onset: Change | null = null;
  private offset: Change | null = null;
  private dropped: number | null = null;
  private requested: number | null = null;
  private hidden = document.hidden;

  constructor(
    private readonly stage: Stage,
    private readonly timing: Timing,
    stop: AbortSignal,
  ) {
    document.addEventListener("visibilitychange", () => (this.hidden ||= document.hidden), { signal: stop });
  }

  /** The frame that showed the picture, in ms of the page's clock. */
  get onsetTime(): number {
    return this.onset?.seen ?? 0;
  }

  /** Show cross, picture and mask; returns when it is time to answer. `onOnset` is called after the picture's frame. */
  async run(onOnset: () => void): Promise<void> {
    clock.rest();
    await clock.settle();
    const cross = this.change("cross", await clock.next());
    const { fixation, exposure } = this.timing;
    const frame = fixation > 0 ? await clock.hold(() => cross.seen, fixation) : await clock.next();
    const onset = this.change("picture", frame);
    this.onset = onset;
    clock.restart();
    const drawn = endOfFrame().then(onOnset);
    if (exposure <= 0) return drawn;
    this.requested = clock.framesIn(exposure);
    const last = await clock.hold(() => onset.seen, this.requested * clock.interval);
    this.dropped = clock.dropped;
    await this.remove(last);
  }

  /** End a presentation that lasts until the answer. */
  async takeAway(): Promise<void> {
    clock.rest();
    this.offset = this.change("blank", await clock.next());
  }

  /** What was found out; waits for the display's last report. */
  async result(): Promise<Shown> {
    const { onset, offset } = this;
    if (onset === null || offset === null) throw new Error("the picture was not shown and taken away");
    if (displayTimes.told) await offset.report.within(PATIENCE_MS);
    for (const made of this.changes) made.learn();
    displayTimes.forget();
    const exposure = this.exposureBetween(onset, offset);
    return {
      onset: onset.seen,
      offset: onset.seen + exposure,
      exposure,
      frames: Math.round(exposure / clock.interval),
      interval: clock.interval,
      spread: clock.spread,
      dropped: this.dropped,
      flags: this.flags(exposure),
      displayOnset: onset.report.time,
      displayOffset: offset.report.time,
    };
  }

  private change(sheet: Sheet, frame: Frame): Change {
    const made = change(this.stage, sheet, frame);
    this.changes.push(made);
    return made;
  }

  private async remove(frame: Frame): Promise<void> {
    const masked = this.stage.hasMask && this.timing.mask > 0;
    const offset = this.change(masked ? "mask" : "blank", frame);
    this.offset = offset;
    if (!masked) return;
    this.change("blank", await clock.hold(() => offset.seen, this.timing.mask));
  }

  private flags(exposure: number): TimingFlag[] {
    const excess = this.requested === null ? 0 : exposure - this.requested * clock.interval;
    const found: [TimingFlag, boolean][] = [
      ["dropped", (this.dropped ?? 0) > 0],
      ["long", excess >= nearFrames()],
      ["short", -excess >= nearFrames()],
      ["late_onset", this.onset?.late === true],
      ["late_offset", this.offset?.late === true],
      ["hidden", this.hidden],
    ];
    return found.filter(([, true_]) => true_).map(([flag]) => flag);
  }

  /** By the frames' times, which are more exact; by what the display reported, where that says that more was wrong. */
  private exposureBetween(onset: Change, offset: Change): number {
    const byFrames = offset.seen - onset.seen;
    const byDisplay = reportedBetween(onset, offset);
    if (byDisplay === null) return byFrames;
    const requested = this.requested === null ? byFrames : this.requested * clock.interval;
    const apart = Math.max(Math.abs(byDisplay - byFrames), Math.abs(byDisplay - requested));
    return apart < nearReports() ? byFrames : byDisplay;
  }
}

function reportedBetween(onset: Change, offset: Change): number | null {
  return onset.report.time === null || offset.report.time === null ? null : offset.report.time - onset.report.time;
}
