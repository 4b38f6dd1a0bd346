/** The way out at any time: a question in the page, then the server is told. */

import { button, element } from "./dom";
import { strings } from "./strings";
import { busyWords } from "./trouble";

export class Withdrawal {
  private readonly dialog: HTMLDialogElement;
  private before: Element | null = null;
  private readonly stay: HTMLButtonElement;
  private readonly go: HTMLButtonElement;
  private readonly problem = element("p", { class: "problem", role: "alert" });

  /** `leave` tells the server; it throws if that fails. */
  constructor(private readonly leave: () => Promise<void>) {
    this.stay = button(strings.withdraw.stay, "primary", () => this.close());
    this.go = button(strings.withdraw.leave, "quiet danger", () => void this.confirm());
    const title = element("h2", { id: "withdraw-title" }, strings.withdraw.title);
    this.dialog = element(
      "dialog",
      { "aria-labelledby": "withdraw-title" },
      title,
      element("p", {}, strings.withdraw.body),
      this.problem,
      element("div", { class: "actions" }, this.stay, this.go),
    );
    this.dialog.addEventListener("cancel", (event) => this.go.disabled && event.preventDefault());
    this.dialog.addEventListener("close", () => this.giveFocusBack());
    document.body.append(this.dialog);
  }

  ask(): void {
    if (this.dialog.open) return;
    this.problem.replaceChildren();
    this.before = document.activeElement;
    this.dialog.showModal();
  }

  private close(): void {
    this.dialog.close();
    this.giveFocusBack();
  }

  /** Anew, and not as the dialog does it: Chromium would focus the input without letting it be typed in. */
  private giveFocusBack(): void {
    const place = this.before;
    this.before = null;
    if (!(place instanceof HTMLElement) || !place.isConnected) return;
    place.blur();
    place.focus({ preventScroll: true });
  }

  private async confirm(): Promise<void> {
    this.busy(true);
    try {
      await this.leave();
      this.close();
    } catch (error) {
      console.warn("withdrawing failed:", error);
      this.problem.replaceChildren(busyWords(error) ?? strings.withdraw.failed);
    } finally {
      this.busy(false);
    }
  }

  /** While the server is told, nothing else can be chosen. */
  private busy(busy: boolean): void {
    if (busy) this.problem.replaceChildren();
    this.stay.disabled = this.go.disabled = busy;
    this.go.textContent = busy ? strings.withdraw.leaving : strings.withdraw.leave;
  }
}
