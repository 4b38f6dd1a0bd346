/** Time counted in the display's frames: when the next one comes, how long one lasts, how many were missed. */

/** Differences of frame times that are remembered; about a second at 60 Hz. */
const REMEMBERED = 60;
/** So many differences are enough to know the display. */
const ENOUGH = 20;
const USUAL_INTERVAL_MS = 1000 / 60;
/** Some browsers round the times of frames to whole milliseconds. */
const ROUNDING_MS = 1.05;
/** Longer pauses than so many frames say nothing about one frame. */
const LONGEST = 4;

/** The middle one of some numbers, or `otherwise` if there are none. */
export function median(numbers: readonly number[], otherwise: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? otherwise;
}

/**
 * The time between two frames of the display, in ms, from differences of successive frame times.
 *
 * Differences near a multiple of the median are that many frames; the others are left out. Their sum by
 * their count is exact even where each time is rounded to a millisecond, which a median of 16 and 17 is not.
 */
export function intervalFrom(differences: readonly number[]): number {
  const usual = median(differences, USUAL_INTERVAL_MS);
  const tolerance = Math.max(usual / 4, ROUNDING_MS);
  let [time, frames] = [0, 0];
  for (const difference of differences) {
    const count = Math.round(difference / usual);
    if (count < 1 || count > LONGEST || Math.abs(difference - count * usual) > tolerance) continue;
    time += difference;
    frames += count;
  }
  return frames === 0 ? usual : time / frames;
}

/** A frame in which one may draw. */
export interface Frame {
  /** The frame's own time, in ms of the page's clock. */
  time: number;
  /** Whole frames by which the page was too late for it: what is drawn is seen that much later. */
  late: number;
}

export class FrameClock {
  private readonly differences: number[] = [];
  private last: number | null = null;
  private lastSeen: number | null = null;
  private missed = 0;
  private known = USUAL_INTERVAL_MS;

  constructor(
    private readonly request: (callback: FrameRequestCallback) => number,
    private readonly now: () => number,
  ) {}

  /** The time between two frames of this display, in ms. */
  get interval(): number {
    return this.known;
  }

  /** Frames that the display should have had since `restart`, and did not. */
  get dropped(): number {
    return this.missed;
  }

  /** How much the differences vary, in ms: large where the display has no fixed rate. */
  get spread(): number {
    const usual = median(this.differences, this.known);
    return median(
      this.differences.map((difference) => Math.abs(difference - usual)),
      0,
    );
  }

  /** The nearest whole number of frames, at least one. */
  framesIn(ms: number): number {
    return Math.max(1, Math.round(ms / this.interval));
  }

  /** Count dropped frames from the last frame on. */
  restart(): void {
    this.missed = 0;
  }

  /** Forget when the last frame was: time passed in which nobody asked for frames. */
  rest(): void {
    this.last = null;
    this.lastSeen = null;
  }

  /** Ask for frames until the interval is known. */
  async settle(): Promise<void> {
    while (this.differences.length < ENOUGH) await this.next();
  }

  /** Wait for the next frame; what is drawn before the next await is in it. */
  next(): Promise<Frame> {
    return new Promise((resolve) => {
      this.request((time) => resolve(this.tick(time)));
    });
  }

  /** Wait for the frame that lies nearest to `ms` after a time, which may become known better meanwhile. */
  async hold(since: () => number, ms: number): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (this.seen(frame) - since() >= ms - this.interval / 2) return frame;
    }
  }

  /** The frame that really shows what is drawn in this one. */
  seen(frame: Frame): number {
    return frame.time + frame.late * this.interval;
  }

  private tick(time: number): Frame {
    this.learn(time);
    const frame = { time, late: Math.max(0, Math.floor((this.now() - time) / this.interval)) };
    const seen = this.seen(frame);
    if (this.lastSeen !== null) this.missed += Math.max(0, Math.round((seen - this.lastSeen) / this.interval) - 1);
    this.lastSeen = Math.max(seen, this.lastSeen ?? seen);
    return frame;
  }

  private learn(time: number): void {
    if (this.last !== null && time > this.last) {
      this.differences.push(time - this.last);
      if (this.differences.length > REMEMBERED) this.differences.shift();
      this.known = intervalFrom(this.differences);
    }
    this.last = time;
  }
}

/** The page's clock; its memory of the display spans the trials. */
export const displayClock = new FrameClock(
  (callback) => window.requestAnimationFrame(callback),
  () => performance.now(),
);

/** When the work of the frame that is being drawn was done: its script, its layout, its painting. */
export function endOfFrame(): Promise<number> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(performance.now());
    };
    port2.postMessage(null);
  });
}
