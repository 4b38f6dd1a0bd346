/** What comes after the last trial: the questionnaire and the debriefing. */

import { element, paragraphsOf } from "./dom";
import { Draft } from "./draft";
import { Interview } from "./interview";
import { PagePlugin } from "./page-plugin";
import { only, type Course, type Part } from "./part";
import { questionnaireOf } from "./questionnaire";
import { strings } from "./strings";
import { fitting } from "./text";

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
  };
  const asked = (): boolean => flow.questionnaire.length > 0 && !course.isDone("questionnaire");
  return only(asked, interview.part(), course.wait(strings.saving.last, keep));
}

/**
 * The debriefing; what follows it is `finish`, when the participant has read it. Only then is the server
 * known to hold the questionnaire, and its draft of no more use.
 */
export function debriefing(course: Course, finish: () => Promise<void>): Part {
  const conclude = async (): Promise<void> => {
    await finish();
    if (course.state.phase === "finished") new Draft(course.state.session).forget();
  };
  return { timeline: [debriefPage(course), course.wait(strings.saving.last, conclude)] };
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
