/** Sends what is in the outbox, one parcel at a time, in order, until each is acknowledged. */

import { ApiError, type Api, type Receipt } from "./api";
import type { Kept, Outbox, Parcel } from "./outbox";
import { retrying } from "./retry";

export type Connection = "saved" | "saving";

/** Refusals by which the server has decided about an answer for good, so that keeping it would help nobody. */
const FINAL = new Set([
  "bad_request",
  "request_entity_too_large",
  "no_such_trial",
  "out_of_order",
  "uuid_in_use",
  "session_finished",
  "session_abandoned",
]);

/** Whether an answer that is refused so is not kept any longer. */
export function isFinal({ code }: ApiError): boolean {
  return FINAL.has(code);
}

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
    this.mayLeave();
  }

  /** Let the browser ask before a page is left whose answers wait for the connection. */
  private holdBack(): void {
    window.addEventListener("beforeunload", askFirst);
  }

  private mayLeave(): void {
    window.removeEventListener("beforeunload", askFirst);
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
    this.mayLeave();
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
        onTrouble: (error) => {
          this.holdBack();
          this.events.trouble(error);
        },
        stopped: () => this.stopped,
      });
      await this.outbox.remove(parcel.id);
      if (receipt !== null) this.settle(receipt.trial, receipt);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!this.stopped) await this.refuse(error, parcel);
    }
  }

  private async send(parcel: Parcel): Promise<Receipt | null> {
    if (parcel.record !== undefined) await this.api.record(parcel.record);
    else if (parcel.answer !== null) return this.api.respond(parcel.trial, parcel.answer);
    else await this.api.presented(parcel.trial);
    return null;
  }

  private async refuse(error: ApiError, parcel: Kept): Promise<void> {
    const verdict = this.events.refused(error, parcel);
    if (verdict === "stop") return this.stop();
    if (parcel.answer && !isFinal(error)) return this.giveUp(error);
    await this.outbox.remove(parcel.id);
    if (parcel.answer) this.settle(parcel.trial, null);
  }

  /** Perhaps the server takes the answer another time: it stays where it is, and nothing after it is sent. */
  private giveUp(error: ApiError): void {
    this.stop();
    this.events.failed(error);
  }

  private settle(trial: string, receipt: Receipt | null): void {
    if (receipt !== null) this.events.acknowledged(receipt);
    this.receipts.get(trial)?.(receipt);
    this.receipts.delete(trial);
  }
}

function askFirst(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
