/** One question on a page of its own, answered by choosing or by typing, as a jsPsych plugin. */

import { ParameterType, type JsPsych, type JsPsychPlugin } from "jspsych";
import { button, element } from "./dom";
import type { Filled } from "./filled";
import { isPlain } from "./keys";
import { strings } from "./strings";
import { cleaned, MOST_CHARACTERS } from "./text";
import { asWritten } from "./words";

export interface Option {
  /** What is stored. */
  value: string;
  /** What is shown. */
  label: string;
}

export interface Question {
  name: string;
  text: string;
  /** Whether text and labels are the study's, in its own language. */
  asWritten: boolean;
  /** What to choose from; null asks for typed words. */
  options: Option[] | null;
  /** What the browser proposes while one types; what is typed like a label is stored as its value. */
  suggestions: Option[];
  /** What a browser that knows its owner may fill in, as the attribute autocomplete names it. */
  autocomplete: string;
}

export type Way = "next" | "back" | "rather";

const info = {
  name: "interpscore-question",
  version: "0.1.0",
  parameters: {
    /** A few words above the question. */
    kicker: { type: ParameterType.STRING, default: "" },
    /** The question, as the interface Question describes it. */
    question: { type: ParameterType.OBJECT, default: undefined },
    /** What was answered before; null for nothing. */
    before: { type: ParameterType.STRING, default: null },
    /** Whether "I'd rather not say" is offered, and the way back to the question before. */
    may_decline: { type: ParameterType.BOOL, default: false },
    may_return: { type: ParameterType.BOOL, default: false },
    /** What to say if there is no answer. */
    problem: { type: ParameterType.STRING, default: undefined },
  },
  data: {
    /** How the page was left: next, back or rather. */
    way: { type: ParameterType.STRING },
    /** The value that was chosen or typed, on the way back perhaps half of it; null if the question was left open. */
    answer: { type: ParameterType.STRING },
    /** From the question's appearance to the press, in ms. */
    rt: { type: ParameterType.FLOAT },
  },
} as const;

type Info = typeof info;

/** What is asked for: an element for the page, and what it holds. */
interface Field {
  parts: HTMLElement[];
  /** What has the focus when the page appears. */
  first: HTMLElement;
  value(): string;
}

export class QuestionPlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(private readonly jsPsych: JsPsych) {}

  trial(display: HTMLElement, trial: Filled<Info>): void {
    const start = performance.now();
    const over = new AbortController();
    const leave = (way: Way, answer: string | null): void => {
      over.abort();
      this.jsPsych.finishTrial({ way, answer, rt: performance.now() - start });
    };
    const question = trial.question as unknown as Question;
    const field = question.options === null ? typed(question, trial.before) : chosen(question, question.options, trial.before);
    const problem = element("p", { class: "problem", id: "problem", role: "alert" });
    const form = element("form", { class: "question", novalidate: true }, ...field.parts, problem, actions(trial, field, leave));
    form.addEventListener("input", () => problem.replaceChildren());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value() !== "") return leave("next", field.value());
      problem.replaceChildren(trial.problem);
      form.querySelector("input")?.focus();
    });
    if (question.options !== null) document.addEventListener("keydown", (event) => pressed(event, form), { signal: over.signal });
    const kicker = trial.kicker === "" ? null : element("p", { class: "kicker", id: "kicker" }, trial.kicker);
    display.append(element("article", { class: "sheet" }, kicker, form));
    window.scrollTo(0, 0);
    field.first.focus({ preventScroll: true });
  }
}

function actions(trial: Filled<Info>, field: Field, leave: (way: Way, answer: string | null) => void): HTMLElement {
  const next = element("button", { type: "submit", class: "button primary" }, strings.questions.next);
  const rather = trial.may_decline ? button(strings.questions.rather, "quiet", () => leave("rather", null)) : null;
  const back = trial.may_return ? button(strings.questions.back, "link back-link", () => leave("back", field.value())) : null;
  return element("div", { class: "actions" }, next, rather, back);
}

function heading(question: Question): HTMLElement {
  return element("h1", { id: "question", "aria-describedby": "kicker", tabindex: "-1", ...(question.asWritten ? asWritten : {}) }, question.text);
}

function typed(question: Question, before: string | null): Field {
  const { suggestions, autocomplete } = question;
  const title = heading(question);
  const input = element("input", {
    type: "text",
    class: "words",
    "aria-labelledby": "question",
    "aria-describedby": "kicker problem",
    maxlength: String(MOST_CHARACTERS),
    autocomplete,
    list: suggestions.length > 0 ? "suggestions" : false,
    value: suggestions.find(({ value }) => value === before)?.label ?? before ?? "",
  });
  const list = element("datalist", { id: "suggestions" }, ...suggestions.map(({ label }) => element("option", { value: label })));
  const value = (): string => {
    const words = cleaned(input.value).trim();
    const same = ({ label }: Option): boolean => label.toLocaleLowerCase() === words.toLocaleLowerCase();
    return suggestions.find(same)?.value ?? words;
  };
  return { parts: suggestions.length > 0 ? [title, input, list] : [title, input], first: input, value };
}

function chosen(question: Question, options: Option[], before: string | null): Field {
  const title = heading(question);
  const radios = options.map(({ value }) =>
    element("input", { type: "radio", name: "answer", value, checked: value === before, "aria-describedby": "problem" }),
  );
  const rows = options.map(({ label }, place) => {
    const words = element("span", question.asWritten ? asWritten : {}, label);
    const key = place < 9 ? element("kbd", { "aria-hidden": "true" }, String(place + 1)) : null;
    return element("label", { class: "option" }, radios[place] ?? null, words, key);
  });
  const group = element("fieldset", {}, element("legend", {}, title), ...rows);
  return { parts: [group], first: title, value: () => radios.find((radio) => radio.checked)?.value ?? "" };
}

/** A digit chooses, and Enter goes on wherever the focus is but on a button. */
function pressed(event: KeyboardEvent, form: HTMLFormElement): void {
  if (!isPlain(event)) return;
  if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) {
    event.preventDefault();
    form.requestSubmit();
  }
  const radio = /^[1-9]$/.test(event.key) ? form.querySelectorAll<HTMLInputElement>("input[type=radio]")[Number(event.key) - 1] : undefined;
  if (radio === undefined) return;
  radio.checked = true;
  radio.focus();
  radio.dispatchEvent(new Event("input", { bubbles: true }));
}
