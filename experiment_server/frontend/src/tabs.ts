/** Two tabs of one session: the newer leads, and the older hears of it at once. */

export class Tabs {
  private readonly channel: BroadcastChannel | null;
  private insisted = false;

  /** Tabs of one study in one browser hear each other. */
  constructor(study: string) {
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(`interpscore:${study}`);
  }

  /**
   * Say that this tab leads a session now. When another says the same, `holds` is asked whether this one
   * still does, for only the server knows which of two came last; if it does, it says so once more.
   */
  lead(session: string, holds: () => Promise<boolean>): void {
    if (this.channel === null) return;
    this.channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data === session) void this.insist(session, holds);
    };
    this.channel.postMessage(session);
  }

  private async insist(session: string, holds: () => Promise<boolean>): Promise<void> {
    if (!(await holds()) || this.insisted) return;
    this.insisted = true;
    this.channel?.postMessage(session);
  }
}
