/** Building elements without HTML strings. */

type Child = Node | string | null;

export interface Attributes {
  [name: string]: string | boolean;
}

/** Make an element; an attribute that is false is left out, one that is true is empty. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child): child is Node | string => child !== null));
  return made;
}

export function button(label: Child, kind: string, onClick: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", class: `button ${kind}` }, label);
  made.addEventListener("click", onClick);
  return made;
}

/** One paragraph for each string that is not blank. */
export function paragraphs(texts: readonly string[], attributes: Attributes = {}): HTMLElement[] {
  return texts.filter((text) => text.trim() !== "").map((text) => element("p", attributes, text.trim()));
}

/** Split a study's plain text at its blank lines. */
export function paragraphsOf(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map((part) => part.replace(/\s*\n\s*/g, " ").trim())
    .filter((part) => part !== "");
}

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing on a 24 × 24 grid, hidden from screen readers. */
export function icon(path: string): SVGSVGElement {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", "icon");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

export const ICONS = {
  cross: "M12 6v12M6 12h12",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  speak: "M4 5.5h16v10H11l-4.5 4v-4H4zM8 9h8M8 12h5",
  scale: "M6 19v-4M12 19v-8M18 19V6",
  tick: "M5 12.5l4.5 4.5L19 7.5",
  miss: "M7 7l10 10M17 7L7 17",
} as const;
