/** Runs one plugin of the participant's page alone, and hands out what the tests look at. */

import { initJsPsych } from "jspsych";
import { BlindSpotPlugin, CardPlugin, distanceFrom } from "participant/calibration";
import { displayClock, FrameClock, intervalFrom } from "participant/frames";
import { RecognitionPlugin } from "participant/recognition";
import { fitting } from "participant/text";

const PLUGINS = { recognition: RecognitionPlugin, card: CardPlugin, "blind spot": BlindSpotPlugin };

/** A picture of four squares, one of them in a colour of its own. */
function drawn(size, colours) {
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d");
  colours.forEach((colour, place) => {
    context.fillStyle = colour;
    context.fillRect(((place % 2) * size) / 2, (Math.floor(place / 2) * size) / 2, size / 2, size / 2);
  });
  return canvas.transferToImageBitmap();
}

/** Run a plugin; the colours of a picture or mask stand for it. Returns the trial's data. */
async function runPlugin(name, parameters) {
  const { picture, mask, width = 100, ...rest } = parameters ?? {};
  const jsPsych = initJsPsych({ display_element: document.getElementById("page"), use_webaudio: false });
  const drawing = (colours) => (colours ? drawn(width, colours) : null);
  const pictures = picture ? { picture: drawing(picture), mask: drawing(mask), width, height: width } : {};
  await jsPsych.run([{ type: PLUGINS[name], ...rest, ...pictures }]);
  return jsPsych.data.get().values()[0];
}

/** Keep the main thread busy for so many ms, when the picture has been drawn `draws` times. */
function stallAt(draws, ms) {
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  let count = 0;
  CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    draw.apply(this, given);
    if (!this.canvas.isConnected || ++count !== draws) return;
    for (const end = performance.now() + ms; performance.now() < end; );
  };
}

/** Frames of a clock that is handed pairs of a frame's time and that of its callback. */
async function framesOf(pairs) {
  let now = 0;
  const left = [...pairs];
  const clock = new FrameClock(
    (callback) => {
      const [time, called] = left.shift();
      now = called;
      callback(time);
      return 0;
    },
    () => now,
  );
  const frames = [];
  for (const _ of pairs) frames.push(await clock.next());
  return { frames, dropped: clock.dropped, interval: clock.interval };
}

Object.assign(window, { fitting, runPlugin, stallAt, framesOf, intervalFrom, distanceFrom, displayClock });
