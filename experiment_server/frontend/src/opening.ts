/** What comes before the trials: consent, warning, calibration, instructions, comprehension check. */

import type { Comprehended, Governance } from "./api";
import { BlindSpotPlugin, CardPlugin } from "./calibration";
import { element, paragraphs, paragraphsOf } from "./dom";
import { newUuid } from "./identity";
import { howItWorks } from "./instructions";
import { Interview } from "./interview";
import { PagePlugin, type Choice } from "./page-plugin";
import { only, type Course, type Part } from "./part";
import { studysOwn, type Asked } from "./questionnaire";
import { strings } from "./strings";
import { asWritten } from "./words";

export function consent(course: Course): Part {
  let chosen: Choice | undefined;
  const tell = async (): Promise<void> => {
    if (chosen === undefined) return;
    course.become(await course.asking(() => course.around.api.consent(chosen === "primary")));
  };
  return { timeline: [consentPage(course, (choice) => (chosen = choice)), course.wait(strings.page.connecting, tell)] };
}

function consentPage(course: Course, chosen: (choice: Choice | undefined) => void): Part {
  const { title, texts, governance } = course.state;
  return {
    type: PagePlugin,
    kicker: strings.consent.kicker,
    title,
    title_as_written: true,
    paragraphs: paragraphsOf(texts.consent),
    text_as_written: true,
    extra: () => (governance === null ? null : aboutStudy(governance)),
    primary: strings.consent.agree,
    secondary: strings.consent.decline,
    on_finish: ({ choice }: { choice?: Choice }) => chosen(choice),
  };
}

/** Who answers for the study, and what becomes of the data. */
function aboutStudy(governance: Governance): HTMLElement {
  const labels = Object.entries(strings.consent.governance) as [keyof Governance, string][];
  const rows = labels.map(([key, label]) =>
    element("div", {}, element("dt", {}, label), element("dd", {}, ...paragraphs(paragraphsOf(governance[key]), asWritten))),
  );
  const title = element("h2", { id: "about" }, strings.consent.about);
  return element("section", { class: "about", "aria-labelledby": "about" }, title, element("dl", {}, ...rows));
}

export function warning(course: Course): Part {
  const { kicker, title, body, go, leave } = strings.warning;
  const page = {
    type: PagePlugin,
    kicker,
    title,
    paragraphs: body,
    primary: go,
    secondary: leave,
    on_secondary: () => course.around.header.askToLeave(),
    on_finish: ({ choice, rt }: { choice?: Choice; rt?: number }) =>
      course.guarded(async () => {
        if (choice !== undefined) await course.record("warning", "", { read_ms: Math.round(rt ?? 0) });
      }),
  };
  return only(() => course.state.flow.flicker_warning && !course.isDone("warning"), page);
}

/** The size of the screen, and if the study asks for it the viewing distance. */
export function calibration(course: Course): Part {
  const wanted = course.state.flow.calibration;
  let card: CardData = {};
  let spot: SpotData = {};
  const cardPage = { type: CardPlugin, on_finish: (data: CardData) => void (card = data) };
  const spotPage = {
    type: BlindSpotPlugin,
    device_px_per_mm: () => card.device_px_per_mm,
    on_finish: (data: SpotData) => void (spot = data),
  };
  const keep = async (): Promise<void> => {
    if (card.device_px_per_mm === undefined) return;
    const { device_px_per_mm, card_tries = null } = card;
    const { distance_mm = null, blind_spot_px = [] } = spot;
    await course.record("calibration", "", { device_px_per_mm, distance_mm, card_tries, blind_spot_px });
    course.become({ ...course.state, calibration: { device_px_per_mm, distance_mm } });
  };
  return only(
    () => wanted.card && !course.isDone("calibration"),
    cardPage,
    only(() => wanted.distance && course.going(), spotPage),
    course.wait("", keep),
  );
}

/** What the plugins hand over; nothing if the session ended meanwhile. */
interface CardData {
  device_px_per_mm?: number;
  card_tries?: number;
}

interface SpotData {
  distance_mm?: number | null;
  blind_spot_px?: number[];
}

/** The instructions, then the questions about them until they are answered right or no attempt is left. */
export function instructions(course: Course): Part {
  const check = new Check(course);
  return { timeline: [instructionsPage(course, check), check.part()] };
}

function instructionsPage(course: Course, check: Check): Part {
  const { kicker, title, read } = strings.instructions;
  return {
    type: PagePlugin,
    kicker,
    title,
    paragraphs: paragraphsOf(course.state.texts.instructions),
    text_as_written: true,
    extra: () => howItWorks(course.state.response),
    primary: () => (check.remains() ? read : start(course)),
  };
}

function start(course: Course): string {
  return course.state.flow.practice_trials > 0 ? strings.instructions.start : strings.instructions.startAtOnce;
}

/** The comprehension check. */
class Check {
  private readonly interview: Interview;
  private made: Comprehended | null = null;

  constructor(private readonly course: Course) {
    this.interview = new Interview(course, {
      kicker: strings.comprehension.kicker,
      questions: () => this.open().map(studysOwn),
      mayDecline: false,
      draft: null,
    });
  }

  /** Whether there are questions that were neither answered right nor asked often enough. */
  remains(): boolean {
    const { comprehension, comprehension_attempts: most } = this.course.state.flow;
    if (comprehension.length === 0 || this.course.isDone("comprehension") || this.course.isDone(`comprehension/${most}`)) return false;
    return this.made === null || this.mayTryAgain();
  }

  part(): Part {
    const round = [
      this.interview.part(),
      this.course.wait(strings.comprehension.saving, () => this.judge()),
      only(() => this.mayTryAgain(), this.wrongPage()),
    ];
    return only(
      () => this.remains(),
      { timeline: round, loop_function: () => this.course.going() && this.remains() },
      only(() => this.made !== null, this.endPage()),
    );
  }

  /** Questions that wait for an answer. */
  private open(): Asked[] {
    return this.course.state.flow.comprehension.filter(({ name }) => !(name in this.interview.answers));
  }

  private mayTryAgain(): boolean {
    return this.made !== null && !this.made.passed && this.made.attempts_left > 0;
  }

  private async judge(): Promise<void> {
    if (!this.course.going()) return;
    const attempt = newUuid();
    const answers = { ...this.interview.answers } as Record<string, string>;
    this.made = await this.course.asking(() => this.course.around.api.comprehension(attempt, answers));
  }

  /** What was wrong, and the instructions again. Only those questions are asked once more. */
  private wrongPage(): Part {
    const { kicker, title, body, go } = strings.comprehension.wrong;
    const again = (): void => {
      for (const name of this.made?.wrong ?? []) delete this.interview.answers[name];
    };
    return {
      type: PagePlugin,
      kicker,
      title,
      paragraphs: () => [body(this.made?.wrong.length ?? 0)],
      extra: () => element("div", { class: "again" }, this.wrongAnswers(), ...this.instructionsAgain()),
      primary: go,
      on_finish: again,
    };
  }

  private wrongAnswers(): HTMLElement {
    const wrong = this.course.state.flow.comprehension.filter(({ name }) => this.made?.wrong.includes(name));
    const rows = wrong.map(({ name, text }) => {
      const answer = strings.comprehension.wrong.yours(this.interview.answers[name] ?? "");
      return element("li", {}, element("strong", asWritten, text), element("span", {}, answer));
    });
    return element("ul", { class: "missed" }, ...rows);
  }

  private instructionsAgain(): HTMLElement[] {
    const { texts, response } = this.course.state;
    return [...paragraphs(paragraphsOf(texts.instructions), asWritten), howItWorks(response)];
  }

  private endPage(): Part {
    const words = (): { title: string; body: string } => strings.comprehension[this.made?.passed === true ? "passed" : "goOn"];
    return {
      type: PagePlugin,
      kicker: strings.comprehension.kicker,
      title: () => words().title,
      paragraphs: () => [words().body],
      primary: () => start(this.course),
      ready: true,
    };
  }
}
