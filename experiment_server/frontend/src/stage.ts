/** The grey area on which pictures appear, drawn so that one picture pixel is a whole number of device pixels. */

import { element } from "./dom";
import { strings } from "./strings";

export const GREY = "#808080";
/** Grey that is left around the picture, in CSS pixels, both sides together. */
const MARGIN = 24;
/** The share of the window's height that a picture may take, however much there is to choose from. */
const SHARE = 0.42;
const CROSS_ARM = 11;
const CROSS_WIDTH = 3;

export interface Fit {
  /** Size of the canvas in device pixels. */
  deviceWidth: number;
  deviceHeight: number;
  /** Size of the canvas on the page, in CSS pixels. */
  cssWidth: number;
  cssHeight: number;
  /** Device pixels for one picture pixel; a whole number, unless the picture has to shrink. */
  scale: number;
}

/**
 * The size at which a picture is shown: close to one CSS pixel for each of its pixels, on whole device
 * pixels, smaller only where there is no room. `room` is in CSS pixels; `density` is device pixels per
 * CSS pixel.
 */
export function fit(width: number, height: number, room: { width: number; height: number }, density: number): Fit {
  const largest = Math.min((room.width * density) / width, (room.height * density) / height);
  const wanted = Math.max(1, Math.round(density));
  const scale = largest >= 1 ? Math.min(wanted, Math.floor(largest)) : Math.max(largest, 1 / Math.max(width, height));
  const deviceWidth = Math.round(width * scale);
  const deviceHeight = Math.round(height * scale);
  return { deviceWidth, deviceHeight, cssWidth: deviceWidth / density, cssHeight: deviceHeight / density, scale };
}

/** The stage's own height alone would not do: an on-screen keyboard or many choices make it small. */
function roomOn(stage: HTMLElement): { width: number; height: number } {
  const height = Math.max(stage.clientHeight, window.innerHeight * SHARE);
  return { width: stage.clientWidth - MARGIN, height: height - MARGIN };
}

export class Stage {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private size: Fit | null = null;

  constructor() {
    this.canvas = element("canvas", { class: "picture", role: "img", "aria-label": strings.trial.stage });
    this.element = element("div", { class: "stage" }, this.canvas);
    const context = this.canvas.getContext("2d", { alpha: false });
    if (context === null) throw new Error("this browser cannot draw on a canvas");
    this.context = context;
  }

  /** Make room for pictures of this size; call it when the stage is in the page. */
  prepare(width: number, height: number): Fit {
    const size = fit(width, height, roomOn(this.element), window.devicePixelRatio || 1);
    this.canvas.width = size.deviceWidth;
    this.canvas.height = size.deviceHeight;
    this.canvas.style.width = `${size.cssWidth}px`;
    this.canvas.style.height = `${size.cssHeight}px`;
    this.element.style.minHeight = `${size.cssHeight + MARGIN}px`;
    this.size = size;
    this.blank();
    return size;
  }

  blank(): void {
    this.context.fillStyle = GREY;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  cross(): void {
    this.blank();
    const density = window.devicePixelRatio || 1;
    const [x, y] = [Math.round(this.canvas.width / 2), Math.round(this.canvas.height / 2)];
    const arm = Math.round(CROSS_ARM * density);
    const half = Math.max(1, Math.round((CROSS_WIDTH * density) / 2));
    this.context.fillStyle = "#ffffff";
    this.context.fillRect(x - arm, y - half, 2 * arm, 2 * half);
    this.context.fillRect(x - half, y - arm, 2 * half, 2 * arm);
  }

  picture(picture: ImageBitmap): void {
    this.context.imageSmoothingEnabled = (this.size?.scale ?? 1) < 1;
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
  }
}
