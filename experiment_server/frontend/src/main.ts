/** Starts the participant's page: who is it, where did they stop, go on from there. */

import { Api, type ApiError, type State } from "./api";
import { showOutcome, showTrouble } from "./ending";
import { Header } from "./header";
import { identityFrom } from "./identity";
import { Outbox } from "./outbox";
import type { Surroundings } from "./part";
import { retrying } from "./retry";
import { Run } from "./run";
import { strings } from "./strings";
import { Tabs } from "./tabs";
import { busyWords } from "./trouble";
import { Withdrawal } from "./withdrawal";
import { waiting } from "./wait-plugin";

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

async function arrive(api: Api, place: HTMLElement): Promise<State> {
  const identity = identityFrom(window.location.search);
  const onTrouble = (error: ApiError): void =>
    place.replaceChildren(waiting(busyWords(error) ?? strings.page.notConnected));
  return retrying(() => api.arrive(identity), { onTrouble });
}

/** Whether this page is the session's latest, as the server says; if it is not, its run ends with the reason. */
async function holds(api: Api, run: Run): Promise<boolean> {
  try {
    await retrying(() => api.state(), { stopped: () => !run.going() });
    return true;
  } catch (error) {
    run.stop(error);
    return false;
  }
}

/** Lead a session to its end; what this device keeps of one that has ended is of no more use. */
async function lead(around: Surroundings, state: State, allowLeaving: (run: Run) => void): Promise<State> {
  const outbox = await Outbox.open(state.session);
  let last = state;
  if (state.phase !== "finished") {
    const run = new Run(around, state, outbox);
    new Tabs(state.study).lead(state.session, () => holds(around.api, run));
    allowLeaving(run);
    last = await run.toTheEnd();
  }
  if (last.phase === "finished") await outbox.clear();
  return last;
}

async function start(): Promise<void> {
  const { study = "", api: base = "", credits = "" } = document.body.dataset;
  const place = byId("page");
  let current: Run | null = null;
  const withdrawal = new Withdrawal(async (deleteAnswers) => current?.withdraw(deleteAnswers));
  const header = new Header(byId("header"), () => withdrawal.ask(current?.hasAnswers ?? false));
  header.name(document.title);
  place.replaceChildren(waiting(strings.page.connecting));
  try {
    const api = new Api(base, study);
    const state = await arrive(api, place);
    header.name(state.title);
    const last = await lead({ api, header, place, creditsUrl: credits }, state, (run) => {
      current = run;
      header.offerWithdrawal(true);
    });
    showOutcome(place, last);
  } catch (error) {
    console.warn("the study cannot go on:", error);
    showTrouble(place, error);
  } finally {
    header.offerWithdrawal(false);
    header.progress(null);
    header.quiet();
  }
}

void start();
