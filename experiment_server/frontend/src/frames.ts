/** Time counted in frames: when the next one comes, how long one lasts, how many were missed. */

const REMEMBERED = 120;
const USUAL_INTERVAL_MS = 1000 / 60;

/** The middle one of some numbers, or `otherwise` if there are none. */
export function median(numbers: readonly number[], otherwise: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? otherwise;
}

export class FrameClock {
  private readonly intervals: number[] = [];
  private last: number | null = null;
  private missed = 0;

  constructor(private readonly request: (callback: FrameRequestCallback) => number) {}

  /** The usual time between two frames, in ms: the median of the latest ones. */
  get interval(): number {
    return median(this.intervals, USUAL_INTERVAL_MS);
  }

  /** Frames that the display should have had since `restart`, and did not. */
  get dropped(): number {
    return this.missed;
  }

  /** Count dropped frames from here, and do not take the time before for a frame. */
  restart(): void {
    this.missed = 0;
  }

  /** Forget when the last frame was: time passed in which nobody asked for frames. */
  rest(): void {
    this.last = null;
  }

  /** Wait for the next frame; what is drawn before the next await is in it. Its time, in ms. */
  next(): Promise<number> {
    return new Promise((resolve) => {
      this.request((time) => {
        this.tick(time);
        resolve(time);
      });
    });
  }

  /** Wait for the frame that lies nearest to `ms` after `since`; its time. */
  async hold(since: number, ms: number): Promise<number> {
    for (;;) {
      const time = await this.next();
      if (time - since >= ms - this.interval / 2) return time;
    }
  }

  private tick(time: number): void {
    if (this.last !== null) {
      const elapsed = time - this.last;
      this.missed += Math.max(0, Math.round(elapsed / this.interval) - 1);
      this.intervals.push(elapsed);
      if (this.intervals.length > REMEMBERED) this.intervals.shift();
    }
    this.last = time;
  }
}

/** The page's clock; its memory of frame intervals spans the trials. */
export const displayClock = new FrameClock((callback) => window.requestAnimationFrame(callback));
