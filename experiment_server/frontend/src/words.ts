/**
 * The page's own words in the participant's language.
 *
 * English stands in the source. For another language the server puts its catalogue into the page, as
 * a block of JSON; what a catalogue does not have is said in English.
 */

type Plurals = Partial<Record<Intl.LDMLPluralRule, string>>;

interface Catalogue {
  language: string;
  /** English message -> its translation, or one for each plural category of the language. */
  messages: Record<string, string | Plurals>;
}

/** The names between braces in a message. */
type Names<Message extends string> = Message extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never;

/** What stands for those names; nothing more is asked for where a message has none. */
type Values<Name extends string> = [Name] extends [never] ? [] : [Record<Name, string | number>];

function catalogueOf(page: Document): Catalogue {
  const block = page.getElementById("words");
  return block === null ? { language: "en", messages: {} } : (JSON.parse(block.textContent ?? "") as Catalogue);
}

const catalogue = catalogueOf(document);
const english = new Intl.PluralRules("en");
const rules = new Intl.PluralRules(catalogue.language);

/** The language of the page's own words, which need not be that of the study's texts. */
export const uiLanguage = catalogue.language;

/** Attributes of an element that holds a text of the study's, as its researchers wrote it. */
export const asWritten = { lang: document.documentElement.lang, dir: "auto" } as const;

function fill(message: string, values: Record<string, string | number> = {}): string {
  return message.replace(/\{(\w+)\}/g, (name, key: string) => String(values[key] ?? name));
}

/** A message in the page's language, with a value for each `{name}` in it. */
export function _<Message extends string>(message: Message, ...[values]: Values<Names<Message>>): string {
  const found = catalogue.messages[message];
  return fill(typeof found === "string" ? found : message, values);
}

/** The form of a message that goes with a number, which stands for `{n}` in it. */
export function many<One extends string, Other extends string>(
  n: number,
  one: One,
  other: Other,
  ...[values]: Values<Exclude<Names<One> | Names<Other>, "n">>
): string {
  const found = catalogue.messages[one];
  const translated = typeof found === "object" ? (found[rules.select(n)] ?? found.other) : undefined;
  return fill(translated ?? (english.select(n) === "one" ? one : other), { ...values, n });
}
