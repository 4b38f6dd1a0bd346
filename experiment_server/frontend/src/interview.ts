/** Several questions, one page each, with the way back to the one before. */

import { noAnswers, type Answers, type Draft } from "./draft";
import type { Course, Part } from "./part";
import { QuestionPlugin, type Question, type Way } from "./question-plugin";
import { strings } from "./strings";

export interface InterviewOptions {
  kicker: string;
  questions: () => Question[];
  /** Whether a question may be left open. */
  mayDecline: boolean;
  /** Where the answers outlive a reload of this tab; null for nowhere. */
  draft: Draft | null;
}

export class Interview {
  answers: Answers;
  /** What was typed where one went back. */
  private readonly unsent = noAnswers();
  private questions: Question[] = [];
  private at = 0;

  constructor(
    private readonly course: Course,
    private readonly options: InterviewOptions,
  ) {
    this.answers = options.draft?.read() ?? noAnswers();
  }

  /** The pages, from the first question without an answer on; all of them where the answers were refused. */
  part(): Part {
    const page = {
      type: QuestionPlugin,
      kicker: () => this.kicker(),
      question: () => this.questions[this.at],
      before: () => this.before(this.questions[this.at]?.name ?? ""),
      may_decline: this.options.mayDecline,
      may_return: () => this.at > 0,
      problem: () => this.problem(),
      on_finish: (data: { way?: Way; answer?: string | null }) => this.left(data),
    };
    return {
      timeline: [{ timeline: [page], loop_function: () => this.course.going() && this.at < this.questions.length }],
      conditional_function: () => this.begin(),
    };
  }

  private begin(): boolean {
    this.questions = this.options.questions();
    const open = this.questions.findIndex(({ name }) => !(name in this.answers));
    this.at = Math.max(0, open);
    return this.at < this.questions.length;
  }

  private before(name: string): string | null {
    return this.unsent[name] ?? this.answers[name] ?? null;
  }

  private left({ way, answer }: { way?: Way; answer?: string | null }): void {
    const question = this.questions[this.at];
    if (way === undefined || question === undefined) return;
    delete this.unsent[question.name];
    if (way === "back") {
      this.unsent[question.name] = answer ?? null;
      this.at -= 1;
      return;
    }
    this.answers[question.name] = answer ?? null;
    this.at += 1;
    this.options.draft?.write(this.answers);
  }

  private kicker(): string {
    const total = this.questions.length;
    return total < 2 ? this.options.kicker : strings.questions.number(this.at + 1, total);
  }

  private problem(): string {
    const { choose, type } = strings.questions;
    const typed = this.questions[this.at]?.options === null;
    if (this.options.mayDecline) return typed ? type : choose;
    return typed ? strings.instructed.empty : strings.comprehension.choose;
  }
}
