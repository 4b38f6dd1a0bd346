/** What comes between the trials: welcome back, the end of practice, instructed items, breaks. */

import { element } from "./dom";
import { PagePlugin } from "./page-plugin";
import { only, type Course, type Part } from "./part";
import { QuestionPlugin } from "./question-plugin";
import { studysOwn } from "./questionnaire";
import { strings } from "./strings";

/** Where the session is, when a trial is about to come. */
export interface Place {
  /** The trial's index in the session. */
  index: number;
  practice: boolean;
  /** Trials that are answered and not, as the participant sees them. */
  answered: number;
  total: number;
  /** The trial before it on this page; null for none. */
  before: { index: number; practice: boolean } | null;
  /** An earlier page has answered trials of this session. */
  resumed: boolean;
}

/** Everything that may come before a trial, each if its time has come. `place` is null when no trial is left. */
export function interludes(course: Course, place: () => Place | null): Part[] {
  const when = (fits: (place: Place) => boolean) => (): boolean => {
    const now = place();
    return now !== null && fits(now);
  };
  const { flow } = course.state;
  return [
    only(when(({ resumed, before }) => resumed && before === null), welcomeBackPage(place)),
    only(when((now) => roundBegins(now, flow.practice_trials)), onceMorePage()),
    only(when(({ before, practice }) => before?.practice === true && !practice), practiceOverPage()),
    ...flow.instructed.map((item) => only(when(({ index }) => index >= item.before && !course.isDone(`instructed/${item.name}`)), instructedPage(course, item))),
    only(when((now) => breakIsDue(now, course)), breakPage(course, place)),
  ];
}

function roundBegins({ practice, index, before }: Place, trials: number): boolean {
  return practice && before !== null && index > 0 && index % trials === 0;
}

/** After every so many main trials, unless less than half as many are left. */
function breakIsDue({ index, practice, answered, total }: Place, course: Course): boolean {
  const { break_every: every, practice_trials: trials, practice_rounds: rounds } = course.state.flow;
  const done = index - trials * rounds;
  if (practice || every === 0 || done === 0 || done % every !== 0 || course.isDone(`break/${index}`)) return false;
  return total - answered >= every / 2;
}

function welcomeBackPage(place: () => Place | null): Part {
  const { kicker, title, body, again, go } = strings.welcomeBack;
  const words = (): string[] => [body(place()?.answered ?? 0, place()?.total ?? 0), again];
  return { type: PagePlugin, kicker, title, paragraphs: words, primary: go, ready: true };
}

function onceMorePage(): Part {
  const { kicker, title, body, go } = strings.onceMore;
  return { type: PagePlugin, kicker, title, paragraphs: [body], primary: go, ready: true };
}

function practiceOverPage(): Part {
  const { kicker, title, body, go } = strings.practiceOver;
  return { type: PagePlugin, kicker, title, paragraphs: [body], primary: go, ready: true };
}

function breakPage(course: Course, place: () => Place | null): Part {
  const { kicker, title, body, go } = strings.rest;
  return {
    type: PagePlugin,
    kicker,
    title,
    paragraphs: [body],
    extra: () => progress(place()?.answered ?? 0, place()?.total ?? 1),
    primary: go,
    ready: true,
    on_finish: ({ rt }: { rt?: number }) =>
      course.guarded(async () => {
        const now = place();
        if (rt !== undefined && now !== null) await course.record("break", String(now.index), { rest_ms: Math.round(rt) });
      }),
  };
}

function progress(answered: number, total: number): HTMLElement {
  const words = element("p", { class: "hint", id: "progress-words" }, strings.rest.done(answered, total));
  const bar = element("progress", { max: String(total), value: String(answered), "aria-labelledby": "progress-words" });
  return element("div", { class: "so-far" }, bar, words);
}

function instructedPage(course: Course, item: { name: string; text: string }): Part {
  return {
    type: QuestionPlugin,
    kicker: strings.instructed.kicker,
    question: { ...studysOwn({ ...item, options: null }) },
    problem: strings.instructed.empty,
    on_finish: ({ answer, rt }: { answer?: string; rt?: number }) =>
      course.guarded(async () => {
        if (answer !== undefined) await course.record("instructed", item.name, { response: answer, rt_ms: Math.round(rt ?? 0) });
      }),
  };
}
