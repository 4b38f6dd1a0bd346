/** Sends what is in the outbox, one parcel at a time, in order, until each is acknowledged. */

import { ApiError, type Api, type Receipt } from "./api";
import type { Kept, Outbox, Parcel } from "./outbox";
import { retrying } from "./retry";

export type Connection = "saved" | "saving";

/** What to do with a parcel that the server will never take: leave it out, or stop sending. */
export type Verdict = "drop" | "stop";

export interface SenderEvents {
  connection(connection: Connection): void;
  /** A parcel did not get through and will be sent again. */
  trouble(error: ApiError): void;
  acknowledged(receipt: Receipt): void;
  refused(error: ApiError, parcel: Parcel): Verdict;
  /** Sending stopped for a reason that is neither the network's nor the server's. */
  failed(error: unknown): void;
}

export class Sender {
  private running = false;
  private stopped = false;
  /** Something was added since the outbox was last read. */
  private added = false;
  private waiting: (() => void)[] = [];
  private readonly receipts = new Map<string, (receipt: Receipt | null) => void>();

  constructor(
    private readonly api: Api,
    readonly outbox: Outbox,
    private readonly events: SenderEvents,
  ) {}

  /** Keep a parcel, then see to it that it is sent. Resolves when it is kept. */
  async add(parcel: Parcel): Promise<void> {
    await this.outbox.add(parcel);
    this.start();
  }

  /** The receipt of a response that is about to be added; null if the server does not want it. */
  receiptOf(trial: string): Promise<Receipt | null> {
    return new Promise((resolve) => this.receipts.set(trial, resolve));
  }

  /** Send what is left; resolves when nothing is. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.start();
    });
  }

  /** Send nothing more from this page. */
  stop(): void {
    this.stopped = true;
  }

  private start(): void {
    this.added = true;
    if (this.running || this.stopped) return;
    this.running = true;
    void this.drain();
  }

  private async drain(): Promise<void> {
    try {
      while (this.added && !this.stopped) await this.sendAll();
    } catch (error) {
      this.stop();
      this.events.failed(error);
    } finally {
      this.running = false;
    }
    if (this.stopped) return;
    this.events.connection("saved");
    this.waiting.splice(0).forEach((resolve) => resolve());
  }

  private async sendAll(): Promise<void> {
    this.added = false;
    for (const parcel of await this.outbox.all()) {
      if (!this.stopped) await this.deliver(parcel);
    }
  }

  private async deliver(parcel: Kept): Promise<void> {
    this.events.connection("saving");
    try {
      const receipt = await retrying(() => this.send(parcel), {
        onTrouble: (error) => this.events.trouble(error),
        stopped: () => this.stopped,
      });
      await this.outbox.remove(parcel.id);
      if (receipt !== null) this.settle(parcel.trial, receipt);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!this.stopped) await this.refuse(error, parcel);
    }
  }

  private async send(parcel: Parcel): Promise<Receipt | null> {
    if (parcel.answer !== null) return this.api.respond(parcel.trial, parcel.answer);
    await this.api.presented(parcel.trial);
    return null;
  }

  private async refuse(error: ApiError, parcel: Kept): Promise<void> {
    if (this.events.refused(error, parcel) === "stop") return this.stop();
    await this.outbox.remove(parcel.id);
    if (parcel.answer !== null) this.settle(parcel.trial, null);
  }

  private settle(trial: string, receipt: Receipt | null): void {
    if (receipt !== null) this.events.acknowledged(receipt);
    this.receipts.get(trial)?.(receipt);
    this.receipts.delete(trial);
  }
}
