/**
 * When the display got what the page drew, where the browser tells.
 *
 * Chromium reports through Element Timing when it presented a text for the first time. So each change of
 * the stage is accompanied by a new full stop, grey on grey behind the picture: both are in the same
 * frame, and the report tells when that was on the display. A page cannot know it in any other way. The
 * times are rounded up to 4 ms, unless the page is isolated from other origins.
 *
 * The report comes a frame or two later, and only of a text that is still there.
 */

import { element } from "./dom";

/** So many full stops stay in the page. */
const KEPT = 3;

/** What is reported of one change: null until it is, and for ever if the browser does not tell. */
export class Report {
  time: number | null = null;
  private arrived: () => void = () => undefined;
  private readonly arrival = new Promise<void>((resolve) => (this.arrived = resolve));

  receive(time: number): void {
    this.time = time;
    this.arrived();
  }

  /** Wait until it is here, but no longer than so many ms. */
  async within(ms: number): Promise<void> {
    if (this.time !== null) return;
    await Promise.race([this.arrival, new Promise((resolve) => window.setTimeout(resolve, ms))]);
  }
}

interface ElementTiming extends PerformanceEntry {
  identifier: string;
  renderTime: number;
  presentationTime?: number;
}

export class DisplayTimes {
  private readonly awaited = new Map<string, Report>();
  private count = 0;
  private tells = false;

  constructor() {
    if (!PerformanceObserver.supportedEntryTypes.includes("element")) return;
    const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => this.received(entry as ElementTiming)));
    observer.observe({ type: "element" });
  }

  /** Whether this browser has ever told, so that a report that does not come means something. */
  get told(): boolean {
    return this.tells;
  }

  /** Call it in the frame of a change; the report tells when that frame was presented. */
  watch(place: HTMLElement): Report {
    const report = new Report();
    this.count += 1;
    const name = `change-${this.count}`;
    this.awaited.set(name, report);
    place.append(element("div", { elementtiming: name }, "."));
    if (place.childElementCount > KEPT) place.firstElementChild?.remove();
    return report;
  }

  /** Forget what was not reported. */
  forget(): void {
    this.awaited.clear();
  }

  private received(entry: ElementTiming): void {
    const time = entry.presentationTime || entry.renderTime;
    if (time <= 0) return;
    this.tells = true;
    this.awaited.get(entry.identifier)?.receive(time);
    this.awaited.delete(entry.identifier);
  }
}

export const displayTimes = new DisplayTimes();
