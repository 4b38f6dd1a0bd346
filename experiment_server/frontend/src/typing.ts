/** How an answer comes to be: when keys are pressed, and what comes in without keys. Times and sizes, never content. */

import { isDialogOpen, isWriting } from "./keys";

/** The way in which several characters came at once. */
export type Insertion = "paste" | "drop" | "replacement" | "composition" | "text" | "script";

/** An input event's type -> the way; what has none was not the browser's, but a script's. */
const WAYS: Record<string, Insertion> = {
  insertFromPaste: "paste",
  insertFromYank: "paste",
  insertFromDrop: "drop",
  insertReplacementText: "replacement",
  insertCompositionText: "composition",
  insertFromComposition: "composition",
  insertText: "text",
};
/** Ways by which a phone's keyboard types: a touch need not send a key. */
const TYPED = new Set(["insertText", "insertCompositionText", "deleteContentBackward"]);
const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "Tab"]);
const MOST_TIMES = 60;
/** A key's own input comes after it, on a busy computer later than the next key: how long it is waited for, in ms. */
const INPUT_WITHIN_MS = 2000;
/** A further input so soon after a key is that key's too, in ms. */
const SAME_KEY_MS = 40;

/** Whether a key was pressed to answer: not with Ctrl or the like, not in an open dialog. */
function answers(event: KeyboardEvent): boolean {
  const other = event.ctrlKey || event.metaKey || event.altKey || event.repeat || MODIFIERS.has(event.key);
  return !other && !isDialogOpen();
}

/** Whether a key does something where it is pressed: in the field, as a letter that lands there, or as an answer. */
function lands(event: KeyboardEvent, input: HTMLInputElement | null): boolean {
  const submits = event.key === "Enter" || event.key === "Escape";
  return input === null || event.target === input || submits || isWriting(event);
}

/** Characters that an input brought: a composition's data is all of it so far, the others' is what is new. */
function sizeOf(event: Event, added: number): number {
  if (!(event instanceof InputEvent) || event.data === null || WAYS[event.inputType] === "composition") return added;
  return Math.max([...event.data].length, event.inputType === "insertText" ? 0 : added);
}

export class Typing {
  /** The first times at which keys were pressed, in ms of the page's clock. */
  readonly keyTimes: number[] = [];
  pastes = 0;
  drops = 0;
  /** Characters of the largest input that was not typed key by key, and its way; 0 and null without one. */
  inserted = 0;
  insertedBy: Insertion | null = null;
  private length = 0;
  private lastKey = -Infinity;
  /** Keys whose input has not come yet. */
  private awaited: number[] = [];

  /** `input` is what is typed into; null where nothing is. */
  constructor(private readonly input: HTMLInputElement | null) {}

  watch(stop: AbortSignal): void {
    document.addEventListener("keydown", (event) => this.pressed(event), { signal: stop });
    document.addEventListener("paste", () => (this.pastes += 1), { signal: stop });
    document.addEventListener("drop", () => (this.drops += 1), { signal: stop });
    this.input?.addEventListener("input", (event) => this.came(event), { signal: stop });
  }

  /** Note what stands in the input now but came with no event. */
  end(): void {
    const silently = (this.input?.value.length ?? 0) - this.length;
    this.note(silently, "script");
  }

  private pressed(event: KeyboardEvent): void {
    if (!answers(event) || !lands(event, this.input)) return;
    this.key(event.timeStamp);
    this.awaited.push(event.timeStamp);
  }

  private key(at: number): void {
    this.lastKey = at;
    if (this.keyTimes.length < MOST_TIMES) this.keyTimes.push(at);
  }

  private came(event: Event): void {
    const added = (this.input?.value.length ?? 0) - this.length;
    this.length += added;
    const type = event.isTrusted && event instanceof InputEvent ? event.inputType : "";
    if (TYPED.has(type) && !this.isOfAKey(event.timeStamp)) this.key(event.timeStamp);
    this.note(sizeOf(event, added), WAYS[type] ?? "script");
  }

  /** Whether an input is that of a key that was pressed. */
  private isOfAKey(at: number): boolean {
    this.awaited = this.awaited.filter((key) => at - key <= INPUT_WITHIN_MS);
    return this.awaited.shift() !== undefined || at - this.lastKey <= SAME_KEY_MS;
  }

  private note(size: number, way: Insertion): void {
    if (size <= Math.max(1, this.inserted)) return;
    this.inserted = size;
    this.insertedBy = way;
  }
}
