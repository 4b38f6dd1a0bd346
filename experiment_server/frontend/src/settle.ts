/** A page that has just appeared is not left by what was meant for the page before it. */

/** Presses of a pointer that come sooner are ignored, in ms. */
const POINTER_MS = 250;

/** Ignore presses that come too soon; after `keysMs`, what is first has the focus, if nothing else has it. */
export function settle(place: HTMLElement, first: HTMLElement, keysMs: number): void {
  place.classList.add("settling");
  window.setTimeout(() => place.classList.remove("settling"), POINTER_MS);
  window.setTimeout(() => {
    if (document.activeElement?.contains(first) !== false) first.focus({ preventScroll: true });
  }, keysMs);
}

/** As `settle`, of a button that Enter presses: a key that is held down since the page before does not. */
export function settleButton(place: HTMLElement, first: HTMLButtonElement): void {
  first.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
  settle(place, first, 400);
}
