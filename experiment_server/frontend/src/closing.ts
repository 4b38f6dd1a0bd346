/** What comes after the last trial: the questionnaire and the debriefing. */

import { element, paragraphsOf } from "./dom";
import { Draft, type Answers } from "./draft";
import { Interview } from "./interview";
import { PagePlugin } from "./page-plugin";
import { only, type Course, type Part } from "./part";
import { questionnaireOf } from "./questionnaire";
import { strings } from "./strings";

export function questionnaire(course: Course): Part {
  const { flow, language, session } = course.state;
  const draft = new Draft(session);
  const interview = new Interview(course, {
    kicker: strings.questionnaire.kicker,
    questions: () => questionnaireOf(flow.questionnaire, language),
    mayDecline: true,
    draft,
  });
  const keep = async (): Promise<void> => {
    if (!course.going()) return;
    await course.record("questionnaire", "", { answers: fitting(interview.answers) });
    draft.forget();
  };
  const asked = (): boolean => flow.questionnaire.length > 0 && !course.isDone("questionnaire");
  return only(asked, interview.part(), course.wait(strings.saving.last, keep));
}

/** Bytes of JSON that a record has room for, apart from what stands around the answers. */
const ROOM = 15_000;

/** What the server takes: where all answers together are too long, the longest are cut. */
function fitting(answers: Answers): Answers {
  const cut = { ...answers };
  while (bytesOf(cut) > ROOM) {
    const [name, answer] = Object.entries(cut).reduce((a, b) => ((b[1]?.length ?? 0) > (a[1]?.length ?? 0) ? b : a));
    cut[name] = answer?.slice(0, -5) ?? null;
  }
  return cut;
}

/** As the server counts: what is not ASCII takes six bytes. */
function bytesOf(answers: Answers): number {
  return JSON.stringify(answers).replace(/[^ -~]/g, "\\u0000").length;
}

/** The debriefing; what follows it is `finish`, when the participant has read it. */
export function debriefing(course: Course, finish: () => Promise<void>): Part {
  return { timeline: [debriefPage(course), course.wait(strings.saving.last, finish)] };
}

function debriefPage(course: Course): Part {
  const attributes = { href: course.around.creditsUrl, target: "_blank", rel: "noopener" };
  const link = (): HTMLElement => element("p", { class: "hint" }, element("a", attributes, strings.debrief.credits));
  return {
    type: PagePlugin,
    kicker: strings.debrief.kicker,
    title: strings.debrief.title,
    paragraphs: paragraphsOf(course.state.texts.debrief),
    text_as_written: true,
    extra: link,
    primary: strings.debrief.finish,
  };
}
