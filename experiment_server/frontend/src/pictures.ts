/** The next trials with their pictures fetched and decoded, a few ahead of the participant. */

import type { Api, Trial } from "./api";
import { retrying, type RetryOptions } from "./retry";

const AHEAD = 3;
const LARGEST_REQUEST = 10;

export interface ReadyTrial extends Trial {
  picture: ImageBitmap;
  maskPicture: ImageBitmap | null;
}

/** Give back the memory of a trial's decoded pictures. */
export function close(trial: ReadyTrial): void {
  trial.picture.close();
  trial.maskPicture?.close();
}

interface Coming {
  trial: Trial;
  ready: Promise<ReadyTrial>;
}

export class Pictures {
  private coming: Coming[] = [];
  private readonly taken = new Set<string>();
  private filling: Promise<void> | null = null;
  /** Settles when the pictures of the last trial so far are there. */
  private before: Promise<unknown> = Promise.resolve();
  /** Counts the resets: what was asked for before one is not wanted after it. */
  private resets = 0;

  constructor(
    private readonly api: Api,
    private readonly options: RetryOptions,
  ) {}

  /** The next trial, ready to be shown; null if the server has none that was not taken yet. */
  async next(): Promise<ReadyTrial | null> {
    if (this.coming.length === 0) await this.fill();
    const first = this.coming.shift();
    if (first === undefined) return null;
    this.taken.add(first.trial.trial);
    this.fillBehind();
    return first.ready;
  }

  /** Forget what was taken and fetched: the server knows better which trial comes next. */
  reset(): void {
    for (const { ready } of this.coming) ready.then(close, () => undefined);
    this.coming = [];
    this.taken.clear();
    this.before = Promise.resolve();
    this.resets += 1;
    this.filling = null;
  }

  /** Answers on their way are unanswered for the server, so ask for that many more. */
  private async fill(): Promise<void> {
    this.filling ??= this.fetchMore().finally(() => (this.filling = null));
    await this.filling;
  }

  private fillBehind(): void {
    if (this.coming.length < AHEAD) this.fill().catch((error: unknown) => console.warn("preloading failed:", error));
  }

  private async fetchMore(): Promise<void> {
    const limit = Math.min(LARGEST_REQUEST, AHEAD + 1 + this.taken.size);
    const resets = this.resets;
    const trials = await retrying(() => this.api.trials(limit), this.options);
    if (resets !== this.resets) return;
    const known = new Set(this.coming.map(({ trial }) => trial.trial));
    const fresh = trials.filter(({ trial }) => !this.taken.has(trial) && !known.has(trial));
    this.forgetAnswered(trials);
    for (const trial of fresh.slice(0, AHEAD + 1 - this.coming.length)) this.coming.push({ trial, ready: this.load(trial) });
  }

  /** What the server no longer lists was acknowledged, and need not be remembered. */
  private forgetAnswered(trials: Trial[]): void {
    const listed = new Set(trials.map(({ trial }) => trial));
    for (const trial of [...this.taken]) if (!listed.has(trial)) this.taken.delete(trial);
  }

  /** One after the other: on a slow line the next picture must not share it with those behind. */
  private load(trial: Trial): Promise<ReadyTrial> {
    const ready = this.before.then(() => this.fetchBoth(trial));
    this.before = ready.catch(() => undefined);
    return ready;
  }

  private async fetchBoth(trial: Trial): Promise<ReadyTrial> {
    const fetched = (path: string): Promise<ImageBitmap> => retrying(() => this.api.picture(path), this.options);
    const picture = await fetched(trial.image);
    const maskPicture = trial.mask === null ? null : await fetched(trial.mask);
    return { ...trial, picture, maskPicture };
  }
}
