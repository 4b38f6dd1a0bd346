/** Answers that are not complete yet, kept by the tab so that a reload does not lose them. */

/** Answers by the question's name; null was left open. */
export type Answers = Record<string, string | null>;

/** A question may have any name, that of a property of every object included. */
export function noAnswers(): Answers {
  return Object.create(null) as Answers;
}

export class Draft {
  private readonly key: string;

  /** Of a session's questionnaire. */
  constructor(session: string) {
    this.key = `interpscore.questionnaire.${session}`;
  }

  read(): Answers {
    const kept = this.ask((storage) => storage.getItem(this.key)) ?? "{}";
    return Object.assign(noAnswers(), JSON.parse(kept) as Answers);
  }

  write(answers: Answers): void {
    this.ask((storage) => storage.setItem(this.key, JSON.stringify(answers)));
  }

  forget(): void {
    this.ask((storage) => storage.removeItem(this.key));
  }

  /** Some browsers let a page keep nothing. */
  private ask<T>(task: (storage: Storage) => T): T | null {
    try {
      return task(window.sessionStorage);
    } catch (error) {
      console.info("what is not sent yet does not outlive a reload:", error);
      return null;
    }
  }
}
