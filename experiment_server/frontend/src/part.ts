/** What the parts of the timeline share: the session that they belong to. */

import type { JsPsych } from "jspsych";
import type { Api, RecordBody, State } from "./api";
import type { Header } from "./header";

/** A part of the timeline, as jsPsych describes it. */
export type Part = Extract<Parameters<JsPsych["run"]>[0], readonly unknown[]>[number];

export interface Surroundings {
  api: Api;
  header: Header;
  place: HTMLElement;
  creditsUrl: string;
}

/** The session, as its pages see it. */
export interface Course {
  readonly around: Surroundings;
  readonly state: State;
  /** Whether this page still leads the session. */
  going(): boolean;
  /** Whether something is recorded: a kind, or kind/name. */
  isDone(item: string): boolean;
  /** Keep a record, to be sent in order with the answers. */
  record(kind: RecordBody["kind"], name: string, data: RecordBody["data"]): Promise<void>;
  /** A page that waits for a task, which may fail for good. */
  wait(message: string, task: () => Promise<void>): Part;
  /** Do something after a page; what fails for good ends the session here. */
  guarded(task: () => Promise<void>): Promise<void>;
  /** Ask the server until it answers. */
  asking<T>(attempt: () => Promise<T>): Promise<T>;
  /** The server's word on where the session stands. */
  become(state: State): void;
}

/** A part that comes only if its time has come. */
export function only(when: () => boolean, ...timeline: Part[]): Part {
  return { timeline, conditional_function: when };
}
