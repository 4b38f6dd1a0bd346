/** The two ways to answer: typing a few words, or choosing one of several. Both work from the keyboard. */

import { button, element } from "./dom";
import { isPlain, isWriting } from "./keys";
import { strings } from "./strings";
import { cleaned, MOST_CHARACTERS } from "./text";
import { Typing, type Insertion } from "./typing";
import { asWritten } from "./words";

export interface Answer {
  response: string;
  dontKnow: boolean;
  /** When it was submitted and when the first key was pressed, in ms of the page's clock. */
  at: number;
  firstKeyAt: number | null;
  /** When keys were pressed, the first 60 of them. */
  keyTimes: number[];
  /** Characters of the largest input that was not typed key by key, and how it came. */
  inserted: number;
  insertedBy: Insertion | null;
  pastes: number;
  drops: number;
}

export interface AnswerForm {
  element: HTMLElement;
  /** Let the participant answer; resolves when they did. Before that, no key does anything. */
  ask(stop: AbortSignal): Promise<Answer>;
}

export interface AnswerOptions {
  /** null asks for typed words. */
  alternatives: string[] | null;
  maxWords: number;
  dontKnow: boolean;
}

/** More choices than this stand closer together. */
const MANY = 12;
const CHOICE_KEYS = "1234567890qwertyuiopasdfghjklzxcvbnm";

export function wordsIn(text: string): string[] {
  return text.trim().split(/\s+/).filter(Boolean);
}

function hint(key: string): HTMLElement {
  return element("kbd", { "aria-hidden": "true" }, key);
}

function dontKnowButton(onClick: () => void): HTMLButtonElement {
  const made = button(strings.trial.dontKnow, "quiet", onClick);
  made.setAttribute("aria-keyshortcuts", "Escape");
  made.append(hint(strings.trial.dontKnowKey));
  return made;
}

/** What both forms share: how the answer comes to be, and the one promise that it settles. */
abstract class Form implements AnswerForm {
  abstract readonly element: HTMLElement;
  protected typing = new Typing(null);
  private settle: ((answer: Answer) => void) | null = null;

  constructor(protected readonly options: AnswerOptions) {}

  ask(stop: AbortSignal): Promise<Answer> {
    this.typing.watch(stop);
    document.addEventListener("keydown", (event) => this.pressed(event), { signal: stop });
    this.open();
    return new Promise((resolve) => (this.settle = resolve));
  }

  protected abstract open(): void;
  protected abstract key(event: KeyboardEvent): void;
  /** Nothing more can be answered. */
  protected close(): void {}

  /** The first answer holds; what is pressed after it is not part of it. */
  protected submit(response: string, dontKnow: boolean, at: number): void {
    const { settle, typing } = this;
    if (settle === null) return;
    this.settle = null;
    typing.end();
    this.close();
    const { inserted, insertedBy, pastes, drops } = typing;
    const keyTimes = [...typing.keyTimes];
    const firstKeyAt = keyTimes[0] ?? null;
    settle({ response, dontKnow, at, firstKeyAt, keyTimes, inserted, insertedBy, pastes, drops });
  }

  private pressed(event: KeyboardEvent): void {
    if (this.settle === null || !isPlain(event) || !this.element.isConnected) return;
    if (event.key === "Escape" && this.options.dontKnow) this.submit("", true, event.timeStamp);
    else this.key(event);
  }
}

class TypedForm extends Form {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly send: HTMLButtonElement;
  private readonly skip: HTMLButtonElement | null;
  private readonly problem = element("p", { class: "problem", id: "problem", role: "alert" });

  constructor(options: AnswerOptions) {
    super(options);
    this.input = element("input", {
      type: "text",
      class: "words",
      "aria-label": strings.trial.inputLabel,
      "aria-describedby": "problem",
      placeholder: strings.trial.placeholder(options.maxWords),
      maxlength: String(MOST_CHARACTERS),
      autocomplete: "off",
      autocapitalize: "none",
      autocorrect: "off",
      spellcheck: "false",
      enterkeyhint: "send",
      disabled: true,
    });
    this.typing = new Typing(this.input);
    this.send = button(strings.trial.submit, "primary", () => this.trySubmit(performance.now()));
    this.skip = options.dontKnow ? dontKnowButton(() => this.submit("", true, performance.now())) : null;
    const row = element("div", { class: "typing" }, this.input, this.send);
    this.element = element("div", { class: "answer typed" }, row, element("div", { class: "below" }, this.problem, this.skip));
    this.input.addEventListener("input", () => this.problem.replaceChildren());
  }

  protected open(): void {
    this.input.disabled = false;
    this.input.focus({ preventScroll: true });
  }

  protected override close(): void {
    this.input.disabled = true;
  }

  /** What is typed anywhere on the page lands in the field. */
  protected key(event: KeyboardEvent): void {
    if (event.target !== this.input && isWriting(event)) this.input.focus({ preventScroll: true });
    if (event.key !== "Enter" || event.target instanceof HTMLButtonElement) return;
    event.preventDefault();
    this.trySubmit(event.timeStamp);
  }

  private trySubmit(at: number): void {
    const response = cleaned(this.input.value);
    const words = wordsIn(response);
    if (words.length === 0) this.complain(this.options.dontKnow ? strings.trial.emptyOrSkip : strings.trial.empty);
    else if (words.length > this.options.maxWords) this.complain(strings.trial.tooMany(this.options.maxWords));
    else this.submit(response, false, at);
  }

  private complain(problem: string): void {
    this.problem.replaceChildren(problem);
    this.input.focus();
  }
}

class ChoiceForm extends Form {
  readonly element: HTMLElement;
  private readonly words: string[];
  private readonly group: HTMLElement;

  constructor(options: AnswerOptions) {
    super(options);
    this.words = options.alternatives ?? [];
    const choices = this.words.map((word, place) => this.choice(word, CHOICE_KEYS[place]));
    const skip = options.dontKnow ? dontKnowButton(() => this.submit("", true, performance.now())) : null;
    const label = { role: "group", "aria-label": strings.trial.question, tabindex: "-1" };
    const kind = choices.length > MANY ? "choices many" : "choices";
    this.group = element("div", { class: kind, ...label }, ...choices);
    this.element = element("div", { class: "answer chosen" }, this.group, element("div", { class: "below" }, skip));
  }

  /** No choice is focused, so that an Enter too many chooses none. */
  protected open(): void {
    this.group.focus({ preventScroll: true });
  }

  protected key(event: KeyboardEvent): void {
    const word = event.key.length === 1 ? this.words[CHOICE_KEYS.indexOf(event.key.toLowerCase())] : undefined;
    if (word === undefined) return;
    event.preventDefault();
    this.submit(word, false, event.timeStamp);
  }

  private choice(word: string, key: string | undefined): HTMLButtonElement {
    const made = button(element("span", asWritten, word), "choice", () => this.submit(word, false, performance.now()));
    if (key === undefined) return made;
    made.setAttribute("aria-keyshortcuts", key);
    made.prepend(hint(key));
    return made;
  }
}

export function answerForm(options: AnswerOptions): AnswerForm {
  return options.alternatives === null ? new TypedForm(options) : new ChoiceForm(options);
}
