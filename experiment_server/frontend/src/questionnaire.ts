/** The questionnaire's questions: those that the page has words for, and the study's own. */

import type { Item } from "./api";
import type { Option, Question } from "./question-plugin";
import { strings } from "./strings";
import { uiLanguage } from "./words";

/** ISO 639: languages that many people speak first, and the official ones of Europe. */
const LANGUAGES =
  "af am ar as ay az be bg bn bs ca ceb cs cy da de el en es et eu fa fi fil fo fr ga gl gn gu ha he hi hr ht hu hy id ig is it ja jv ka kk km kn ko ku ky lb lo lt lv mg mi mk ml mn mr ms mt my nb ne nl nn om or pa pl ps pt qu ro ru rw si sk sl sn so sq sr su sv sw ta te tg th ti tk tr tt ug uk ur uz vi wo xh yo yue zh zu";

/** ISO 3166. */
const COUNTRIES =
  "AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CK CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

const own = { asWritten: false, options: null, suggestions: [], autocomplete: "off" };

/** Codes with their names in the page's language, in the order of the alphabet; those it has no name for are left out. */
function named(codes: string, type: "language" | "region"): Option[] {
  const names = new Intl.DisplayNames([uiLanguage], { type, fallback: "none" });
  const options = codes.split(" ").flatMap((value) => {
    const label = names.of(value);
    return label === undefined ? [] : [{ value, label }];
  });
  return options.sort((a, b) => a.label.localeCompare(b.label, uiLanguage));
}

/** A language's name in the page's; what is no tag of a language stands for itself. */
function languageName(language: string): string {
  try {
    return new Intl.DisplayNames([uiLanguage], { type: "language" }).of(language) ?? language;
  } catch (error) {
    console.info(`${language} has no name:`, error);
    return language;
  }
}

function labelled(labels: Readonly<Record<string, string>>): Option[] {
  return Object.entries(labels).map(([value, label]) => ({ value, label }));
}

function builtIn(name: string, language: string): Question {
  const words = strings.questionnaire;
  const common = { ...own, name };
  switch (name) {
    case "first_language":
      return { ...common, text: words.first_language, suggestions: named(LANGUAGES, "language") };
    case "fluency":
      return { ...common, text: words.fluency(languageName(language)), options: labelled(words.fluencyLevels) };
    case "colour_vision":
      return { ...common, text: words.colour_vision, options: labelled(words.colourVision) };
    case "device":
      return { ...common, text: words.device, options: labelled(words.devices) };
    case "country":
      return { ...common, text: words.country, suggestions: named(COUNTRIES, "region"), autocomplete: "country-name" };
    default:
      throw new Error(`the page has no words for the question ${name}`);
  }
}

/** A question as the study has it. */
export interface Asked {
  name: string;
  text: string;
  options: string[] | null;
}

/** A question in the study's own words; what is stored is the option as it is written there. */
export function studysOwn({ name, text, options }: Asked): Question {
  const choices = options === null || options.length === 0 ? null : options.map((option) => ({ value: option, label: option }));
  return { ...own, name, text, asWritten: true, options: choices };
}

/** `language` is the study's. */
export function questionnaireOf(items: readonly Item[], language: string): Question[] {
  return items.map(({ name, text, options }) => (text === null ? builtIn(name, language) : studysOwn({ name, text, options })));
}
