/** What is always on the page: the study's name, how far one is, whether answers are saved, the way out. */

import type { ApiError } from "./api";
import { button, element } from "./dom";
import type { Connection } from "./sender";
import { strings } from "./strings";
import { busyWords } from "./trouble";
import { asWritten } from "./words";

export interface Progress {
  answered: number;
  total: number;
  practice: boolean;
}

/** Where answers wait for the connection: on the device, in the page alone, or there are none yet. */
export type Keeping = "device" | "page" | "nothing";

/** What to say while something is tried again; `busy` says why if it is not the connection that is missing. */
function assurance(busy: string | null, keeping: Keeping): string {
  const { safe, keepOpen, busySafe, busyKeepOpen, retrying } = strings.status;
  if (keeping === "nothing") return busy ?? retrying;
  if (busy !== null) return keeping === "device" ? busySafe(busy) : busyKeepOpen(busy);
  return keeping === "device" ? safe : keepOpen;
}

/** A click on the way out leaves the focus where it was, so that staying goes on with typing. */
function keepFocus(event: MouseEvent): void {
  event.preventDefault();
}

export class Header {
  private readonly title = element("p", { class: "study", ...asWritten });
  private readonly badge = element("p", { class: "tag rehearsal", hidden: true }, strings.rehearsal.badge);
  private readonly where = element("p", { class: "where" });
  private readonly bar = element("progress", { "aria-label": strings.progress.label, hidden: true });
  private readonly status = element("p", { class: "status" });
  private readonly announcer = element("p", { class: "unseen", role: "status", "aria-live": "polite" });
  private readonly leave: HTMLButtonElement;
  /** What to read aloud when everything is saved again; null if nothing was amiss. */
  private relief: string | null = null;

  constructor(
    place: HTMLElement,
    private readonly onLeave: () => void,
  ) {
    this.leave = button(strings.withdraw.link, "link", onLeave);
    this.leave.hidden = true;
    this.leave.addEventListener("mousedown", keepFocus);
    const side = element("div", { class: "side" }, this.status, this.leave);
    const name = element("div", { class: "name" }, this.title, this.badge);
    this.badge.title = strings.rehearsal.explained;
    place.append(element("div", { class: "row" }, name, this.where, side), this.bar, this.announcer);
  }

  name(title: string): void {
    this.title.textContent = title;
  }

  /** Say discreetly that the session is a rehearsal. */
  rehearsal(is: boolean): void {
    this.badge.hidden = !is;
  }

  /** Ask whether the participant wants to leave, as the link does. */
  askToLeave(): void {
    this.onLeave();
  }

  offerWithdrawal(offer: boolean): void {
    this.leave.hidden = !offer;
  }

  progress(progress: Progress | null): void {
    this.bar.hidden = progress === null;
    this.where.replaceChildren();
    if (progress === null) return;
    this.bar.max = Math.max(1, progress.total);
    this.bar.value = progress.answered;
    if (progress.practice) this.where.append(element("span", { class: "tag" }, strings.progress.practice), " ");
    this.where.append(strings.progress.trial(progress.answered, progress.total));
  }

  /** Show the state of saving; only trouble and its end are read aloud. */
  saving(connection: Connection): void {
    if (this.relief !== null && connection === "saved") this.announcer.textContent = this.relief;
    if (connection === "saved") this.relief = null;
    this.show(connection, strings.status[connection], "");
  }

  /** Show why something is tried again: the connection is lost, or the server is busy. */
  trouble(error: ApiError, keeping: Keeping): void {
    const { back, caughtUp, connected, retrying } = strings.status;
    const busy = busyWords(error);
    this.relief = keeping === "nothing" ? connected : busy === null ? back : caughtUp;
    const more = assurance(busy, keeping);
    this.show(busy === null ? "retrying" : "retrying busy", busy ?? retrying, more);
    this.announcer.textContent = more;
  }

  private show(kind: string, words: string, more: string): void {
    this.status.className = `status ${kind}`;
    this.status.textContent = words;
    this.status.title = more;
  }

  quiet(): void {
    this.status.textContent = "";
    this.status.className = "status";
  }
}
