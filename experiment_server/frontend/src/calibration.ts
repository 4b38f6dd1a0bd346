/**
 * How large the screen's pixels are, and how far the eye is from them, as jsPsych plugins.
 *
 * The card: a drawing is made as large as a card of standard size (ISO/IEC 7810 ID-1) that is held against
 * the screen. The blind spot: with one eye, a dot moves outwards until it vanishes; that happens at an
 * angle that is nearly the same for everybody, so that the place on the screen gives the distance
 * (Li, Joo, Yeatman & Reinecke 2020, doi:10.1038/s41598-019-57204-1).
 */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { button, element } from "./dom";
import type { Filled } from "./filled";
import { displayClock, median } from "./frames";
import { strings } from "./strings";

/** Sides of an ID-1 card and the radius of its corners, in mm. */
const CARD = { long: 85.6, short: 53.98, corner: 3.18 };
/** Bounds of what a screen may have: CSS pixels per mm. */
const DENSITY = { least: 2, usual: 3.78, most: 9 };
/** The drawing begins this much smaller than usual, so that it has to be adjusted. */
const BEGINNING = { least: 0.7, most: 0.8 };

/** Where the blind spot begins, in degrees from where one looks. */
export const BLIND_SPOT_DEGREES = 13.5;
/** Distances that can be true, in mm; a window too narrow for the first is not used. */
const PLAUSIBLE = { least: 200, needed: 350, most: 1200 };
/** The dot's way and size, in mm, and its speed in mm/s: slow, because one presses a moment later. */
const DOT = { start: 35, jitter: 8, size: 6, speed: 20 };
/** From the field's edges to the cross and to the end of the dot's way, in mm. */
const EDGE = 8;
const LONGEST_WAY = 260;
const PAUSE_MS = 900;

/** The viewing distance in mm, from where the dot vanished: device pixels between it and the cross. */
export function distanceFrom(vanished: readonly number[], pxPerMm: number): number {
  return median(vanished, 0) / pxPerMm / Math.tan((BLIND_SPOT_DEGREES * Math.PI) / 180);
}

const cardInfo = {
  name: "interpscore-card",
  version: "0.1.0",
  parameters: {},
  data: {
    /** Device pixels per mm of the screen. */
    device_px_per_mm: { type: ParameterType.FLOAT },
    /** How often the drawing was made larger or smaller. */
    card_tries: { type: ParameterType.INT },
  },
} as const;

type CardInfo = typeof cardInfo;

export class CardPlugin implements JsPsychPlugin<CardInfo> {
  static readonly info = cardInfo;

  constructor(private readonly jsPsych: JsPsych) {}

  trial(display: HTMLElement): void {
    const over = new AbortController();
    const card = new Card(over.signal, (pxPerMm, tries) => {
      over.abort();
      this.jsPsych.finishTrial({ device_px_per_mm: pxPerMm, card_tries: tries });
    });
    display.append(card.element);
    card.open();
  }
}

/** The drawing of a card, and what makes it larger and smaller. */
class Card {
  readonly element: HTMLElement;
  private readonly title = element("h1", { tabindex: "-1" }, strings.calibration.card.title);
  private readonly drawing: HTMLElement;
  private readonly place: HTMLElement;
  private readonly slider: HTMLInputElement;
  private readonly confirm: HTMLButtonElement;
  private width = 0;
  private tries = 0;
  private upright = false;

  constructor(
    stop: AbortSignal,
    private readonly finish: (pxPerMm: number, tries: number) => void,
  ) {
    const words = strings.calibration.card;
    const edge = element("span", { class: "edge" });
    this.drawing = element("div", { class: "card", "aria-hidden": "true" }, element("span", { class: "chip" }), edge);
    this.place = element("div", { class: "card-place" }, this.drawing);
    this.slider = element("input", { type: "range", step: "0.5", "aria-label": words.size });
    this.confirm = button(words.confirm, "primary", () => this.confirmed());
    this.confirm.disabled = true;
    const steps = [this.step("−", words.smaller, -1), this.slider, this.step("+", words.larger, 1)];
    this.element = element(
      "article",
      { class: "sheet calibration" },
      element("p", { class: "kicker" }, words.kicker),
      this.title,
      element("p", {}, words.body),
      element("p", { class: "hint" }, words.hint),
      this.place,
      element("div", { class: "size" }, ...steps),
      element("div", { class: "actions" }, this.confirm),
    );
    this.slider.addEventListener("input", () => this.adjust(Number(this.slider.value)));
    document.addEventListener("keydown", (event) => this.pressed(event), { signal: stop });
    edge.addEventListener("pointerdown", (event) => this.drag(edge, event));
    window.addEventListener("resize", () => this.fit(), { signal: stop });
  }

  /** Call it when it is in the page. */
  open(): void {
    window.scrollTo(0, 0);
    this.upright = this.place.clientWidth < CARD.long * DENSITY.usual * 1.5;
    this.drawing.classList.toggle("upright", this.upright);
    const part = BEGINNING.least + Math.random() * (BEGINNING.most - BEGINNING.least);
    this.resize(this.side * DENSITY.usual * part);
    this.title.focus({ preventScroll: true });
  }

  /** The side that lies across the page, in mm. */
  private get side(): number {
    return this.upright ? CARD.short : CARD.long;
  }

  private step(sign: string, label: string, by: number): HTMLButtonElement {
    const made = button(element("span", { "aria-hidden": "true" }, sign), "quiet", () => this.adjust(this.width + by));
    made.setAttribute("aria-label", label);
    return made;
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { "+": 1, "=": 1, "-": -1, "−": -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.adjust(this.width + by);
  }

  private drag(edge: HTMLElement, start: PointerEvent): void {
    const [from, width] = [start.clientX, this.width];
    start.preventDefault();
    edge.setPointerCapture(start.pointerId);
    edge.onpointermove = (event) => this.resize(width + event.clientX - from);
    edge.onlostpointercapture = () => {
      edge.onpointermove = null;
      this.adjust(this.width);
    };
  }

  private adjust(width: number): void {
    this.resize(width);
    this.tries += 1;
    this.confirm.disabled = false;
  }

  private fit(): void {
    this.resize(this.width);
  }

  private resize(width: number): void {
    const least = this.side * DENSITY.least;
    const most = Math.min(this.place.clientWidth, this.side * DENSITY.most);
    this.width = Math.max(least, Math.min(most, width));
    const [mm, { style }] = [this.width / this.side, this.drawing];
    style.width = `${this.width}px`;
    style.height = `${mm * (this.upright ? CARD.long : CARD.short)}px`;
    style.borderRadius = `${mm * CARD.corner}px`;
    Object.assign(this.slider, { min: String(least), max: String(most), value: String(this.width) });
  }

  private confirmed(): void {
    this.finish((this.width * window.devicePixelRatio) / this.side, this.tries);
  }
}

const blindSpotInfo = {
  name: "interpscore-blind-spot",
  version: "0.1.0",
  parameters: {
    /** Device pixels per mm of the screen, as the card gave them. */
    device_px_per_mm: { type: ParameterType.FLOAT, default: undefined },
    /** How often the dot is followed. */
    repeats: { type: ParameterType.INT, default: 5 },
  },
  data: {
    /** The viewing distance in mm; null if it was skipped, or the window is too narrow. */
    distance_mm: { type: ParameterType.FLOAT },
    /** From the cross to where the dot vanished each time, in device pixels. */
    blind_spot_px: { type: ParameterType.FLOAT, array: true },
  },
} as const;

type BlindSpotInfo = typeof blindSpotInfo;

export class BlindSpotPlugin implements JsPsychPlugin<BlindSpotInfo> {
  static readonly info = blindSpotInfo;

  constructor(private readonly jsPsych: JsPsych) {}

  trial(display: HTMLElement, trial: Filled<BlindSpotInfo>): void {
    const over = new AbortController();
    const finish = (distance: number | null, vanished: readonly number[]): void => {
      over.abort();
      this.jsPsych.finishTrial({ distance_mm: distance, blind_spot_px: vanished });
    };
    const search = new Search(trial.device_px_per_mm, trial.repeats, over.signal, finish);
    display.append(search.element);
    if (search.hasRoom) search.open();
    else finish(null, []);
  }
}

type Finish = (distance: number | null, vanished: readonly number[]) => void;

/** The field with cross and dot, and the places at which the dot vanished. */
class Search {
  readonly element: HTMLElement;
  private readonly title = element("h1", { tabindex: "-1" }, strings.calibration.distance.title);
  private readonly dot = element("span", { class: "dot", hidden: true });
  private readonly cross = element("span", { class: "fixate" });
  private readonly field: HTMLElement;
  private readonly state = element("p", { class: "found", role: "status", tabindex: "-1" });
  private readonly actions = element("div", { class: "actions" });
  private readonly vanished: number[] = [];
  private readonly cssPerMm: number;
  private at: number | null = null;
  private sweep = 0;

  constructor(
    private readonly pxPerMm: number,
    private readonly repeats: number,
    private readonly stop: AbortSignal,
    private readonly finish: Finish,
  ) {
    const words = strings.calibration.distance;
    this.cssPerMm = pxPerMm / (window.devicePixelRatio || 1);
    this.field = element("div", { class: "field", role: "img", "aria-label": words.field }, this.cross, this.dot);
    this.element = element(
      "article",
      { class: "sheet calibration wide" },
      element("p", { class: "kicker" }, words.kicker),
      this.title,
      element("p", {}, words.body),
      element("ol", {}, element("li", {}, words.coverLeft), element("li", {}, words.press)),
      this.field,
      this.state,
      this.actions,
    );
    document.addEventListener("keydown", (event) => this.pressed(event), { signal: stop });
    this.field.addEventListener("pointerdown", () => this.press());
  }

  /** Whether the dot can vanish here for someone at an ordinary distance. */
  get hasRoom(): boolean {
    return this.way >= PLAUSIBLE.needed * Math.tan((BLIND_SPOT_DEGREES * Math.PI) / 180);
  }

  /** Call it when it is in the page. */
  open(): void {
    window.scrollTo(0, 0);
    const size = `${DOT.size * this.cssPerMm}px`;
    Object.assign(this.dot.style, { width: size, height: size });
    this.cross.style.left = `${EDGE * this.cssPerMm}px`;
    this.offer([strings.calibration.distance.start, "primary", () => this.begin()]);
    this.title.focus({ preventScroll: true });
  }

  /** How far the dot can go from the cross, in mm. */
  private get way(): number {
    return Math.min(LONGEST_WAY, this.field.clientWidth / this.cssPerMm - 2 * EDGE);
  }

  private offer(...choices: [string, string, () => void][]): void {
    const skip = button(strings.calibration.distance.skip, "quiet", () => this.finish(null, this.vanished));
    this.actions.replaceChildren(...choices.map(([label, kind, does]) => button(label, kind, does)), skip);
  }

  private begin(): void {
    this.vanished.length = 0;
    this.offer();
    this.field.scrollIntoView({ block: "center" });
    void this.follow();
  }

  /** Let the dot go out, again and again until it is pressed. */
  private async follow(): Promise<void> {
    const { done } = strings.calibration.distance;
    this.state.textContent = done(this.vanished.length, this.repeats);
    this.sweep += 1;
    const mine = this.sweep;
    const from = DOT.start + (Math.random() - 0.5) * 2 * DOT.jitter;
    const { time: start } = await displayClock.next();
    while (mine === this.sweep && !this.stop.aborted) {
      const { time } = await displayClock.next();
      const gone = ((time - start) * DOT.speed) / 1000;
      if (mine === this.sweep) this.put(from + (gone % Math.max(1, this.way - from)));
    }
  }

  /** Put the dot so many mm from the cross. */
  private put(mm: number): void {
    this.at = mm;
    this.dot.hidden = false;
    this.dot.style.left = `${(EDGE + mm) * this.cssPerMm}px`;
  }

  private pressed(event: KeyboardEvent): void {
    if (event.key !== " " || event.repeat || event.target instanceof HTMLButtonElement) return;
    event.preventDefault();
    if (this.at !== null) this.press();
    else if (this.sweep === 0) this.begin();
  }

  private press(): void {
    if (this.at === null) return;
    this.vanished.push(Math.round(this.at * this.pxPerMm * 10) / 10);
    this.sweep += 1;
    this.at = null;
    this.dot.hidden = true;
    if (this.vanished.length >= this.repeats) return this.conclude();
    this.state.textContent = strings.calibration.distance.done(this.vanished.length, this.repeats);
    window.setTimeout(() => !this.stop.aborted && void this.follow(), PAUSE_MS);
  }

  private conclude(): void {
    const { result, confirm, again } = strings.calibration.distance;
    const distance = distanceFrom(this.vanished, this.pxPerMm);
    const plausible = distance >= PLAUSIBLE.least && distance <= PLAUSIBLE.most;
    this.state.textContent = result(Math.round(distance / 10));
    const go: [string, string, () => void] = [confirm, "primary", () => this.finish(distance, this.vanished)];
    this.offer(...(plausible ? [go] : []), [again, plausible ? "quiet" : "primary", () => this.begin()]);
    this.state.focus({ preventScroll: true });
  }
}
