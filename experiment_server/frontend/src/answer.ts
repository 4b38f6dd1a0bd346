/** The two ways to answer: typing a few words, or choosing one of several. Both work from the keyboard. */

import { button, element } from "./dom";
import { strings } from "./strings";
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

const MAX_LENGTH = 200;
/** More choices than this stand closer together. */
const MANY = 12;
const CHOICE_KEYS = "1234567890qwertyuiopasdfghjklzxcvbnm";

export function wordsIn(text: string): string[] {
  return text.trim().split(/\s+/).filter(Boolean);
}

/** Keys with a modifier, repeated keys, and keys meant for an open dialog are none of ours. */
function isPlain(event: KeyboardEvent): boolean {
  const busy = event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing;
  return !busy && document.querySelector("dialog[open]") === null;
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

  protected submit(response: string, dontKnow: boolean, at: number): void {
    this.typing.end();
    const { keyTimes, inserted, insertedBy, pastes, drops } = this.typing;
    const firstKeyAt = keyTimes[0] ?? null;
    this.settle?.({ response, dontKnow, at, firstKeyAt, keyTimes, inserted, insertedBy, pastes, drops });
    this.settle = null;
  }

  private pressed(event: KeyboardEvent): void {
    if (!isPlain(event) || !this.element.isConnected) return;
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
      maxlength: String(MAX_LENGTH),
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

  protected key(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.target instanceof HTMLButtonElement) return;
    event.preventDefault();
    this.trySubmit(event.timeStamp);
  }

  private trySubmit(at: number): void {
    const words = wordsIn(this.input.value);
    if (words.length === 0) this.complain(this.options.dontKnow ? strings.trial.emptyOrSkip : strings.trial.empty);
    else if (words.length > this.options.maxWords) this.complain(strings.trial.tooMany(this.options.maxWords));
    else this.submit(this.input.value, false, at);
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
