/** How often and how long the page was out of sight or out of focus: times, never content. */

import { isDialogOpen } from "./keys";

/** Spells of something that begins and ends. */
class Spells {
  count = 0;
  private total = 0;
  private since: number | null = null;

  set(on: boolean): void {
    if (on && this.since === null) {
      this.count += 1;
      this.since = performance.now();
    } else if (!on && this.since !== null) {
      this.total += performance.now() - this.since;
      this.since = null;
    }
  }

  /** How long they lasted so far, in ms. */
  get ms(): number {
    return Math.round(this.total + (this.since === null ? 0 : performance.now() - this.since));
  }
}

export class Attention {
  private readonly hidden = new Spells();
  private readonly blurred = new Spells();
  /** The window is not the one in use. */
  private away = !document.hasFocus();

  constructor(stop: AbortSignal) {
    const look = (): void => this.hidden.set(document.hidden);
    look();
    this.look();
    document.addEventListener("visibilitychange", look, { signal: stop });
    window.addEventListener("blur", () => this.look(true), { signal: stop });
    window.addEventListener("focus", () => this.look(false), { signal: stop });
    const dialogs = new MutationObserver(() => this.look());
    dialogs.observe(document.body, { subtree: true, attributeFilter: ["open"] });
    stop.addEventListener("abort", () => dialogs.disconnect());
  }

  /** A dialog that is open over the page draws attention away just as another window does. */
  private look(away = this.away): void {
    this.away = away;
    this.blurred.set(away || isDialogOpen());
  }

  get timesHidden(): number {
    return this.hidden.count;
  }

  get hiddenMs(): number {
    return this.hidden.ms;
  }

  get timesBlurred(): number {
    return this.blurred.count;
  }

  get blurredMs(): number {
    return this.blurred.ms;
  }
}

export function watchAttention(stop: AbortSignal): Attention {
  return new Attention(stop);
}
