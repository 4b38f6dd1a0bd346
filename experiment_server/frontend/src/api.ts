/**
 * The participant HTTP contract, as the server's /api/v1/openapi.json describes it.
 *
 * Every call either returns what the contract says or throws an ApiError that tells whether trying
 * again can help.
 */

export type Phase = "consent" | "trials" | "debrief" | "finished";
export type Outcome = "completed" | "no_consent" | "withdrawn" | "abandoned";

export interface Completion {
  code: string;
  /** Where the recruiting site wants the participant back; null for visitors. */
  return_url: string | null;
}

/** Who answers for a study; shown before consent. */
export interface Governance {
  ethics_reference: string;
  data_controller: string;
  contact: string;
  retention: string;
  withdrawal: string;
}

export interface ResponseForm {
  form: "free_text" | "alternatives";
  max_words: number;
  dont_know: boolean;
  /** Levels of the question how sure one is; 0 does not ask it. */
  confidence: number;
}

/** A question of the study's. */
export interface Item {
  name: string;
  /** null for a question that the page has its own words for. */
  text: string | null;
  /** Empty or null where the answer is typed, unless the page has its own options. */
  options: string[] | null;
}

/** What the page does beside the trials. */
export interface Flow {
  flicker_warning: boolean;
  /** Main trials from one break to the next; 0 for none. */
  break_every: number;
  /** Trials of one round, rounds at most, and right answers that end them; 0 for one round, however it goes. */
  practice_trials: number;
  practice_rounds: number;
  practice_criterion: number;
  calibration: { card: boolean; distance: boolean; assumed_distance_mm: number; size_degrees: number | null };
  comprehension: { name: string; text: string; options: string[] }[];
  comprehension_attempts: number;
  /** `before`: the index of the trial that an item comes before. */
  instructed: { name: string; text: string; before: number }[];
  questionnaire: Item[];
}

/** What was measured of the screen. */
export interface Calibration {
  device_px_per_mm: number;
  distance_mm: number | null;
}

export interface State {
  study: string;
  title: string;
  /** Of the study's texts: BCP 47. */
  language: string;
  rehearsal: boolean;
  session: string;
  phase: Phase;
  outcome: Outcome | null;
  answered: number;
  /** 0 before consent. */
  total: number;
  response: ResponseForm;
  texts: { consent: string; instructions: string; debrief: string };
  governance: Governance | null;
  flow: Flow;
  /** What is recorded already: a kind, or kind/name. */
  done: string[];
  calibration: Calibration | null;
  completion: Completion | null;
}

export interface Trial {
  trial: string;
  index: number;
  practice: boolean;
  image: string;
  mask: string | null;
  fixation_ms: number;
  /** 0: until the response. */
  exposure_ms: number;
  mask_ms: number;
  width: number;
  height: number;
  alternatives: string[] | null;
  already_presented: boolean;
}

export interface ResponseBody {
  response_uuid: string;
  response: string;
  dont_know: boolean;
  rt_ms: number;
  rt_first_key_ms: number | null;
  exposure_measured_ms: number | null;
  frame_interval_ms: number | null;
  dropped_frames: number | null;
  presented_again: boolean;
  /** The page's clock. */
  onset_ms: number | null;
  offset_ms: number | null;
  exposure_frames: number | null;
  /** What was wrong with the presentation; null if that was not measured. */
  timing_flags: string[] | null;
  /** 1, a guess, to the study's number of levels, certain; null if not asked. */
  confidence: number | null;
  client: Record<string, unknown>;
}

export interface Feedback {
  correct: boolean;
  answer: string;
}

export interface Receipt {
  trial: string;
  response_uuid: string;
  duplicate: boolean;
  answered: number;
  total: number;
  feedback: Feedback | null;
}

/** Something beside the answers that the server keeps for a session; the first of a kind and name stands. */
export interface RecordBody {
  record_uuid: string;
  kind: "warning" | "calibration" | "instructed" | "break" | "questionnaire";
  /** The item's name; empty for a kind that has no items. */
  name: string;
  data: Record<string, unknown>;
}

export interface RecordReceipt {
  record_uuid: string;
  duplicate: boolean;
}

/** How an attempt at the comprehension check went. */
export interface Comprehended {
  passed: boolean;
  /** Names of the questions that were answered wrongly. */
  wrong: string[];
  attempts: number;
  attempts_left: number;
}

export interface Identity {
  prolific_pid: string | null;
  prolific_study_id: string | null;
  prolific_session_id: string | null;
  visitor: string | null;
}

/** A call that did not do what was asked. `status` is 0 if no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryable: boolean,
    /** How long the server wants the next try to wait; 0 if it does not say. */
    readonly waitMs: number = 0,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const TIMEOUT_MS = 20_000;
const LONGEST_WAIT_S = 60;

/** The reply's Retry-After in ms; 0 if it has none that is a number of seconds. */
function waitOf(reply: Response): number {
  const seconds = Number(reply.headers.get("Retry-After"));
  return seconds > 0 ? 1000 * Math.min(seconds, LONGEST_WAIT_S) : 0;
}

/** The study's server always answers in JSON: this is from something in between, and decides nothing. */
function unreadable(reply: Response): ApiError {
  return new ApiError(reply.status, "unreadable", `the server answered ${reply.status}`, true, waitOf(reply));
}

async function errorFrom(reply: Response): Promise<ApiError> {
  const busy = reply.status >= 500 || reply.status === 429 || reply.status === 408;
  try {
    const { error } = (await reply.json()) as { error: { code: string; message: string; retryable: boolean } };
    return new ApiError(reply.status, error.code, error.message, error.retryable || busy, waitOf(reply));
  } catch {
    return unreadable(reply);
  }
}

/** Ends a call when nothing was heard for so many ms, however long the whole takes. */
class Patience {
  private readonly over = new AbortController();
  private timer = 0;

  constructor(private readonly ms: number) {
    this.heard();
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  heard(): void {
    this.end();
    this.timer = window.setTimeout(() => this.over.abort(), this.ms);
  }

  end(): void {
    window.clearTimeout(this.timer);
  }
}

/** A reply's file; `heard` is called for each piece of it. */
async function fileOf(reply: Response, heard: () => void): Promise<Blob> {
  const reader = reply.body?.getReader();
  const pieces: BlobPart[] = [];
  for (;;) {
    heard();
    const piece = await reader?.read();
    if (piece?.value === undefined) return new Blob(pieces, { type: reply.headers.get("Content-Type") ?? "" });
    pieces.push(piece.value);
  }
}

/** A reply's body, which a connection may lose half-way. */
async function whole<T>(body: Promise<T>): Promise<T> {
  try {
    return await body;
  } catch (cause) {
    throw new ApiError(0, "unreachable", String(cause), true);
  }
}

export class Api {
  private token: string | null = null;

  /** `base` is the API's path, such as /api/v1; `patienceMs` is how long a call, or a picture's next piece, may take. */
  constructor(
    private readonly base: string,
    private readonly study: string,
    private readonly patienceMs = TIMEOUT_MS,
  ) {}

  /** Start a session or take up an older one; the token of this page from now on. */
  async arrive(identity: Identity): Promise<State> {
    const path = `${this.base}/studies/${encodeURIComponent(this.study)}/sessions`;
    const { token, state } = await this.post<{ token: string; state: State }>(path, identity);
    this.token = token;
    return state;
  }

  state(): Promise<State> {
    return this.json("GET", `${this.base}/session`);
  }

  consent(consented: boolean): Promise<State> {
    return this.post(`${this.base}/session/consent`, { consented });
  }

  /** The next unanswered trials, in order; `limit` is 1 to 10. */
  async trials(limit: number): Promise<Trial[]> {
    return (await this.json<{ trials: Trial[] }>("GET", `${this.base}/session/trials?limit=${limit}`)).trials;
  }

  /** Fetch a picture and decode it, so that drawing it takes no time. */
  async picture(path: string): Promise<ImageBitmap> {
    const patience = new Patience(this.patienceMs);
    try {
      const reply = await this.call("GET", path, undefined, patience.signal);
      const file = await whole(fileOf(reply, () => patience.heard()));
      return await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
        throw unreadable(reply);
      });
    } finally {
      patience.end();
    }
  }

  async presented(trial: string): Promise<void> {
    const reply = await this.call("POST", `${this.base}/trials/${trial}/presented`, {});
    if (reply.status !== 204) throw unreadable(reply);
  }

  respond(trial: string, body: ResponseBody): Promise<Receipt> {
    return this.post(`${this.base}/trials/${trial}/response`, body);
  }

  record(body: RecordBody): Promise<RecordReceipt> {
    return this.post(`${this.base}/session/records`, body);
  }

  /** One attempt at the questions about the instructions: the option chosen, by the question's name. */
  comprehension(attempt: string, answers: Record<string, string>): Promise<Comprehended> {
    return this.post(`${this.base}/session/comprehension`, { attempt_uuid: attempt, answers });
  }

  finish(): Promise<State> {
    return this.post(`${this.base}/session/finish`, {});
  }

  withdraw(deleteAnswers: boolean): Promise<State> {
    return this.post(`${this.base}/session/withdraw`, { delete_answers: deleteAnswers });
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return this.json("POST", path, body);
  }

  private async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call(method, path, body);
    const text = await whole(reply.text());
    try {
      return JSON.parse(text) as T;
    } catch {
      throw unreadable(reply);
    }
  }

  private async call(method: string, path: string, body?: unknown, stop?: AbortSignal): Promise<Response> {
    const reply = await this.send(method, path, body, stop ?? AbortSignal.timeout(this.patienceMs));
    if (!reply.ok) throw await errorFrom(reply);
    return reply;
  }

  private async send(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = {};
    if (this.token !== null) headers["Authorization"] = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const options: RequestInit = { method, headers, signal };
    if (body !== undefined) options.body = JSON.stringify(body);
    try {
      return await fetch(path, options);
    } catch (cause) {
      throw new ApiError(0, "unreachable", String(cause), true);
    }
  }
}
