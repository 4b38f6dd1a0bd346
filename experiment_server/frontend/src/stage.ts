/** The grey area on which pictures appear, on whole device pixels. */

import { element } from "./dom";
import { strings } from "./strings";

export const GREY = "#808080";
/** Grey that is left around the picture, in CSS pixels, both sides together. */
const MARGIN = 24;
/** The share of the window's height that a picture may take, however much there is to choose from. */
const SHARE = 0.42;
/** The same for a picture whose size in degrees was asked for. */
const SHARE_IN_DEGREES = 0.62;
const CROSS_ARM = 11;
const CROSS_WIDTH = 3;

/** Where the eye is: what turns degrees of visual angle into device pixels. */
export interface Viewing {
  /** Device pixels per mm of the screen: the page's zoom does not change it. */
  pxPerMm: number;
  distanceMm: number;
}

/** The width in device pixels of what is seen so many degrees wide, in the middle of the gaze. */
export function widthOf(degrees: number, { pxPerMm, distanceMm }: Viewing): number {
  return 2 * distanceMm * Math.tan((degrees * Math.PI) / 360) * pxPerMm;
}

/** How many degrees wide something of this width in device pixels is seen. */
export function degreesOf(width: number, { pxPerMm, distanceMm }: Viewing): number {
  return (360 / Math.PI) * Math.atan(width / (2 * pxPerMm * distanceMm));
}

export interface Fit {
  /** Size of the canvas in device pixels. */
  deviceWidth: number;
  deviceHeight: number;
  /** Size of the canvas on the page, in CSS pixels. */
  cssWidth: number;
  cssHeight: number;
  /** Device pixels for one picture pixel; a whole number, unless the picture has to shrink or has its size in degrees. */
  scale: number;
}

/**
 * The size at which a picture is shown: `wanted` device pixels wide, or close to one CSS pixel for each of
 * its pixels, on whole device pixels; smaller only where there is no room. `room` is in CSS pixels;
 * `density` is device pixels per CSS pixel.
 */
export function fit(
  width: number,
  height: number,
  room: { width: number; height: number },
  density: number,
  wanted: number | null = null,
): Fit {
  const largest = Math.min((room.width * density) / width, (room.height * density) / height);
  const possible = wanted === null ? wholeScale(density, largest) : Math.min(wanted / width, largest);
  const scale = Math.max(possible, 1 / Math.max(width, height));
  const deviceWidth = Math.max(1, Math.round(width * scale));
  const deviceHeight = Math.max(1, Math.round(height * scale));
  return { deviceWidth, deviceHeight, cssWidth: deviceWidth / density, cssHeight: deviceHeight / density, scale };
}

function wholeScale(density: number, largest: number): number {
  return largest >= 1 ? Math.min(Math.max(1, Math.round(density)), Math.floor(largest)) : largest;
}

/** What the stage can show. */
export type Sheet = "blank" | "cross" | "picture" | "mask";

export class Stage {
  readonly element: HTMLElement;
  /** Where the marks stand by which the display tells when it showed a change: behind the picture. */
  readonly probe: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly sheets = new Map<Sheet, ImageBitmap>();
  private readonly moves = new ResizeObserver(() => this.align());

  constructor() {
    this.canvas = element("canvas", { class: "picture", role: "img", "aria-label": strings.trial.stage });
    this.probe = element("div", { "aria-hidden": "true" });
    this.element = element("div", { class: "stage" }, this.probe, this.canvas);
    Object.assign(this.element.style, { position: "relative" });
    Object.assign(this.canvas.style, { position: "absolute", left: "0", top: "0", transformOrigin: "0 0", willChange: "transform" });
    Object.assign(this.probe.style, { position: "absolute", color: GREY, fontSize: "4px", userSelect: "none" });
    this.context = contextOf(this.canvas);
  }

  get hasMask(): boolean {
    return this.sheets.has("mask");
  }

  /** Make room for pictures of this size; call it when the stage is in the page. */
  prepare(width: number, height: number, wanted: number | null = null): Fit {
    const density = window.devicePixelRatio || 1;
    const size = fit(width, height, this.room(wanted === null ? SHARE : SHARE_IN_DEGREES), density, wanted);
    this.canvas.width = size.deviceWidth;
    this.canvas.height = size.deviceHeight;
    this.canvas.style.width = `${size.deviceWidth}px`;
    this.canvas.style.height = `${size.deviceHeight}px`;
    this.element.style.minHeight = `${size.cssHeight + MARGIN}px`;
    fill(this.context);
    this.align();
    this.moves.observe(this.element);
    return size;
  }

  /** Draw everything that will be shown, in its final size, off the page. */
  async load(picture: ImageBitmap, mask: ImageBitmap | null): Promise<void> {
    const smooth = this.canvas.width % picture.width !== 0;
    await this.draw("blank", () => undefined);
    await this.draw("cross", cross);
    await this.draw("picture", (context) => scaled(context, picture, smooth));
    if (mask !== null) await this.draw("mask", (context) => scaled(context, mask, smooth));
    this.show("blank");
  }

  /** Put it on the page: copies what is drawn already. */
  show(name: Sheet): void {
    const sheet = this.sheets.get(name);
    if (sheet !== undefined) this.context.drawImage(sheet, 0, 0);
  }

  /** Give the memory back. */
  release(): void {
    this.moves.disconnect();
    for (const sheet of this.sheets.values()) sheet.close();
    this.sheets.clear();
  }

  /** The stage's own height alone would not do: an on-screen keyboard or many choices make it small. */
  private room(share: number): { width: number; height: number } {
    const height = Math.max(this.element.clientHeight, window.innerHeight * share);
    return { width: this.element.clientWidth - MARGIN, height: height - MARGIN };
  }

  /**
   * Put the canvas into the middle, each of its pixels on one of the screen's. The page's layout knows only
   * 1/64 of a CSS pixel, which would blur the picture where a CSS pixel is not a whole number of device
   * pixels; a transform is exact.
   */
  private align(): void {
    const density = window.devicePixelRatio || 1;
    const stage = this.element.getBoundingClientRect();
    const within = (start: number, room: number, size: number): number =>
      Math.round(start * density + (room * density - size) / 2) / density - start;
    const x = within(stage.left, stage.width, this.canvas.width);
    const y = within(stage.top, stage.height, this.canvas.height);
    this.canvas.style.transform = `translate(${x}px, ${y}px) scale(${1 / density})`;
    Object.assign(this.probe.style, { left: `${stage.width / 2}px`, top: `${stage.height / 2}px` });
  }

  private async draw(name: Sheet, draw: (context: CanvasRenderingContext2D) => void): Promise<void> {
    const canvas = element("canvas");
    canvas.width = this.canvas.width;
    canvas.height = this.canvas.height;
    const context = contextOf(canvas);
    fill(context);
    draw(context);
    this.sheets.set(name, await createImageBitmap(canvas));
    canvas.width = 0;
  }
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new Error("this browser cannot draw on a canvas");
  return context;
}

function fill(context: CanvasRenderingContext2D): void {
  context.fillStyle = GREY;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

function scaled(context: CanvasRenderingContext2D, picture: ImageBitmap, smooth: boolean): void {
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, context.canvas.width, context.canvas.height);
}

function cross(context: CanvasRenderingContext2D): void {
  const density = window.devicePixelRatio || 1;
  const [x, y] = [Math.round(context.canvas.width / 2), Math.round(context.canvas.height / 2)];
  const arm = Math.round(CROSS_ARM * density);
  const half = Math.max(1, Math.round((CROSS_WIDTH * density) / 2));
  context.fillStyle = "#ffffff";
  context.fillRect(x - arm, y - half, 2 * arm, 2 * half);
  context.fillRect(x - half, y - arm, 2 * half, 2 * arm);
}
