/** The way out at any time: a question in the page, then the server is told. */

import { button, element } from "./dom";
import { strings } from "./strings";
import { busyWords } from "./trouble";

export class Withdrawal {
  private readonly dialog: HTMLDialogElement;
  private before: Element | null = null;
  private readonly choice = element("p", {}, strings.withdraw.choice);
  private readonly stay = button(strings.withdraw.stay, "primary", () => this.close());
  private readonly keep = button(strings.withdraw.keep, "quiet", () => void this.confirm(false));
  private readonly erase = button(strings.withdraw.erase, "quiet danger", () => void this.confirm(true));
  private readonly status = element("p", { class: "hint", role: "status" });
  private readonly problem = element("p", { class: "problem", role: "alert" });

  /** `leave` tells the server, and whether the answers are to be deleted; it throws if that fails. */
  constructor(private readonly leave: (deleteAnswers: boolean) => Promise<void>) {
    this.dialog = element(
      "dialog",
      { "aria-labelledby": "withdraw-title", "aria-describedby": "withdraw-body" },
      element("h2", { id: "withdraw-title" }, strings.withdraw.title),
      element("div", { class: "text", id: "withdraw-body" }, element("p", {}, strings.withdraw.body), this.choice),
      this.status,
      this.problem,
      element("div", { class: "actions" }, this.stay, this.keep, this.erase),
    );
    this.dialog.addEventListener("cancel", (event) => this.keep.disabled && event.preventDefault());
    this.dialog.addEventListener("close", () => this.giveFocusBack());
    document.body.append(this.dialog);
  }

  /** Ask whether to leave, and if there are answers what is to become of them. */
  ask(hasAnswers: boolean): void {
    if (this.dialog.open) return;
    this.problem.replaceChildren();
    this.choice.hidden = this.erase.hidden = !hasAnswers;
    this.keep.textContent = hasAnswers ? strings.withdraw.keep : strings.withdraw.leave;
    this.before = document.activeElement;
    this.dialog.showModal();
  }

  private close(): void {
    this.dialog.close();
    this.giveFocusBack();
  }

  /**
   * To the field for the answer, if there is one. Anew, and not as the dialog does it: Chromium would focus
   * the input without letting it be typed in.
   */
  private giveFocusBack(): void {
    const before = this.before;
    this.before = null;
    if (before === null) return;
    const place = document.querySelector("main input.words:enabled") ?? before;
    if (!(place instanceof HTMLElement) || !place.isConnected) return;
    place.blur();
    place.focus({ preventScroll: true });
  }

  private async confirm(deleteAnswers: boolean): Promise<void> {
    this.busy(true);
    try {
      await this.leave(deleteAnswers);
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
    this.status.textContent = busy ? strings.withdraw.leaving : "";
    this.stay.disabled = this.keep.disabled = this.erase.disabled = busy;
  }
}
