/** Which keys are meant for the page. */

export function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

/** Keys with a modifier, repeated keys, a writing system's own, and keys meant for an open dialog are none of ours. */
export function isPlain(event: KeyboardEvent): boolean {
  const composing = event.isComposing || event.keyCode === 229;
  const busy = event.ctrlKey || event.metaKey || event.altKey || event.repeat;
  return !busy && !composing && !isDialogOpen();
}

/** Whether a key writes a character, if a field has the focus. */
export function isWriting({ key, target }: KeyboardEvent): boolean {
  const pressesButton = key === " " && target instanceof HTMLButtonElement;
  return (key.length === 1 && !pressesButton) || key === "Dead";
}
