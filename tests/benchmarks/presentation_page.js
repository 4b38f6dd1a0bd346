/**
 * Trials of our plugin and of jsPsych's image-keyboard-response by turns, in one timeline.
 *
 * Each drawing on the page's canvases, and the hiding of one, leaves a mark in the browser's trace, so
 * that the judge finds the frame that carried it. A stall keeps the main thread busy at a random moment
 * about the onset or the offset: between frames, or in a frame after the plugin's own drawing.
 */

import ImageKeyboardResponsePlugin from "@jspsych/plugin-image-keyboard-response";
import { initJsPsych } from "jspsych";
import { RecognitionPlugin } from "participant/recognition";

const GAP_MS = 50;
const FIXATION_MS = 60;
const MASK_MS = 34;
/** From our trial's beginning to its cross, about. */
const PREPARATION_MS = 25;

let current = null;

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const note = (what) => current !== null && performance.mark(`trial ${current.number} ${what}`);

const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  draw.apply(this, given);
  if (this.canvas.isConnected) note("drawn");
};
new MutationObserver(() => note("hidden")).observe(document.documentElement, {
  subtree: true,
  attributeFilter: ["style"],
});

function busy(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Keep the main thread busy about the next trial's onset or offset. */
function stall(trial, random) {
  const onset = GAP_MS + (trial.plugin === "ours" ? PREPARATION_MS + FIXATION_MS : 0);
  const about = random() < 0.5 ? onset : onset + trial.exposure;
  const when = Math.max(0, about + 120 * (random() - 0.5));
  const long = 20 + 100 * random();
  if (random() < 0.5) setTimeout(() => busy(long), when);
  else setTimeout(() => requestAnimationFrame(() => busy(long)), when);
}

/** Choose the first word as soon as one may. */
function answerSoon() {
  const choice = document.querySelector(".panel:not(.waiting) .choice");
  if (choice === null) setTimeout(answerSoon, 20);
  else choice.click();
}

async function bitmap(path) {
  return createImageBitmap(await (await fetch(path)).blob());
}

const TRIALS = {
  ours: async (trial) => ({
    type: RecognitionPlugin,
    picture: await bitmap(trial.picture),
    mask: await bitmap(trial.mask),
    width: 256,
    height: 256,
    fixation_ms: FIXATION_MS,
    exposure_ms: trial.exposure,
    mask_ms: MASK_MS,
    alternatives: ["this", "that"],
    on_load: () => setTimeout(answerSoon, PREPARATION_MS + FIXATION_MS + trial.exposure + MASK_MS),
  }),
  jspsych: (trial) => ({
    type: ImageKeyboardResponsePlugin,
    stimulus: trial.picture,
    stimulus_duration: trial.exposure,
    trial_duration: trial.exposure + MASK_MS,
    choices: "NO_KEYS",
  }),
};

/** Run trials of `{number, plugin, exposure, picture, mask}`; returns what each of them measured. */
async function run(trials, stallSeed) {
  const random = randomFrom(stallSeed);
  const jsPsych = initJsPsych({ display_element: document.getElementById("page"), use_webaudio: false });
  await new Promise((resolve) => jsPsych.pluginAPI.preloadImages(trials.map(({ picture }) => picture), resolve));
  const prepared = await Promise.all(
    trials.map(async (trial, place) => ({
      ...(await TRIALS[trial.plugin](trial)),
      post_trial_gap: GAP_MS,
      on_start: () => (current = trial),
      on_finish: () => {
        current = null;
        if (stallSeed !== 0 && trials[place + 1] !== undefined) stall(trials[place + 1], random);
      },
    })),
  );
  await jsPsych.run(prepared);
  return jsPsych.data.get().values();
}

window.run = run;
