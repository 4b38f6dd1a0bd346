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

export interface State {
  study: string;
  title: string;
  session: string;
  phase: Phase;
  outcome: Outcome | null;
  answered: number;
  /** 0 before consent. */
  total: number;
  response: { form: "free_text" | "alternatives"; max_words: number; dont_know: boolean };
  texts: { consent: string; instructions: string; debrief: string };
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

async function errorFrom(reply: Response): Promise<ApiError> {
  const busy = reply.status >= 500 || reply.status === 429 || reply.status === 408;
  try {
    const { error } = (await reply.json()) as { error: { code: string; message: string; retryable: boolean } };
    return new ApiError(reply.status, error.code, error.message, error.retryable || busy, waitOf(reply));
  } catch {
    return new ApiError(reply.status, "unreadable", `the server answered ${reply.status}`, busy, waitOf(reply));
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

  /** `base` is the API's path, such as /api/v1. */
  constructor(
    private readonly base: string,
    private readonly study: string,
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
    const reply = await this.call("GET", path);
    return createImageBitmap(await whole(reply.blob()), { colorSpaceConversion: "none" });
  }

  async presented(trial: string): Promise<void> {
    await this.call("POST", `${this.base}/trials/${trial}/presented`, {});
  }

  respond(trial: string, body: ResponseBody): Promise<Receipt> {
    return this.post(`${this.base}/trials/${trial}/response`, body);
  }

  finish(): Promise<State> {
    return this.post(`${this.base}/session/finish`, {});
  }

  withdraw(): Promise<State> {
    return this.post(`${this.base}/session/withdraw`, {});
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return this.json("POST", path, body);
  }

  private async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call(method, path, body);
    return JSON.parse(await whole(reply.text())) as T;
  }

  private async call(method: string, path: string, body?: unknown): Promise<Response> {
    const reply = await this.send(method, path, body);
    if (!reply.ok) throw await errorFrom(reply);
    return reply;
  }

  private async send(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = {};
    if (this.token !== null) headers["Authorization"] = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const options: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
    if (body !== undefined) options.body = JSON.stringify(body);
    try {
      return await fetch(path, options);
    } catch (cause) {
      throw new ApiError(0, "unreachable", String(cause), true);
    }
  }
}
