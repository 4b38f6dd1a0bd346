/** The next trials with their pictures fetched and decoded, a few ahead of the participant. */

import type { Api, Trial } from "./api";
import { retrying, type RetryOptions } from "./retry";

const AHEAD = 3;
const LARGEST_REQUEST = 10;

export interface ReadyTrial extends Trial {
  picture: ImageBitmap;
  maskPicture: ImageBitmap | null;
}

interface Coming {
  trial: Trial;
  ready: Promise<ReadyTrial>;
}

export class Pictures {
  private coming: Coming[] = [];
  private readonly taken = new Set<string>();
  private filling: Promise<void> | null = null;

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
    this.coming = [];
    this.taken.clear();
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
    const trials = await retrying(() => this.api.trials(limit), this.options);
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

  private load(trial: Trial): Promise<ReadyTrial> {
    const ready = this.fetchBoth(trial);
    ready.catch(() => undefined);
    return ready;
  }

  private async fetchBoth(trial: Trial): Promise<ReadyTrial> {
    const fetched = (path: string): Promise<ImageBitmap> => retrying(() => this.api.picture(path), this.options);
    const [picture, maskPicture] = await Promise.all([
      fetched(trial.image),
      trial.mask === null ? null : fetched(trial.mask),
    ]);
    return { ...trial, picture, maskPicture };
  }
}
