"""The page in other languages: everything that it ever says, noted in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Locator, Page, expect

from experiment_server.languages import TRANSLATIONS, of_study
from tests.browser.conftest import NewVisitor
from tests.browser.installation import CODES, CONCEPTS, CONSENT, PRACTICE, Installation, study_text
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

#: language -> a study's texts; English ones are those of the plainest study
TEXTS = {
    "en": {
        "title": "Seeing through noise",
        "consent": CONSENT,
        "instructions": "Each picture shows one thing.",
        "debrief": "You helped us to compare people with a computer model.",
    },
    "it": {
        "title": "Vedere nel rumore",
        "consent": "Vedrai alcune immagini.\n\nPuoi smettere.",
        "instructions": "Una cosa sola.",
        "debrief": "Ci hai aiutato.",
        "question": "Quante cose?",
        "wrong": "Molte",
        "right": "Una",
        "instructed": "Scrivi la parola verde.",
        "light": "Com’era la luce?",
    },
    "ar": {
        "title": "الرؤية وسط الضوضاء",
        "consent": "سترى بعض الصور.\n\nيمكنك التوقف.",
        "instructions": "شيء واحد.",
        "debrief": "لقد ساعدتنا.",
        "question": "كم شيئًا؟",
        "wrong": "كثير",
        "right": "واحد",
        "instructed": "اكتب كلمة أخضر.",
        "light": "كيف كان الضوء؟",
    },
}
FOREIGN = [language for language in TEXTS if language != "en"]
TRANSLATED = [language for language in FOREIGN if of_study(language).page == language]
REFERENCE = "EC 7/2026"

#: everything that a page may ask beside the trials
MORE = """
[comprehension]
[[comprehension.question]]
text = "{question}"
options = ["{wrong}", "{right}"]
answer = "{right}"
[[instructed]]
text = "{instructed}"
answer = "{right}"
[questionnaire]
ask = ["first_language", "fluency", "colour_vision", "device", "country"]
[[questionnaire.question]]
name = "light"
text = "{light}"
[calibration]
card = true
distance = true
[governance]
ethics_reference = "{reference}"
data_controller = "{reference}"
contact = "{reference}"
retention = "{reference}"
withdrawal = "{reference}"
"""
MORE_KEYS = {
    "[response]": "confidence = 4",
    "[trials]": "break_every = 3",
    "[practice]": "criterion = 2\nrounds = 2",
}

#: what a busy server says: status, code, and what the page makes of it
REFUSALS = [
    (429, "too_many_requests", "This session made too many requests; please wait a moment."),
    (429, "too_many_arrivals", "Too many people are arriving from where you are; please wait a moment."),
    (503, "database_busy", "The server is busy."),
]

#: one message at least of each page on the way to the end
HEARD = (
    "I agree, let’s start",
    "The pictures flash",
    "How large is your screen?",
    "How far are you from the screen?",
    "How it works",
    "Choose an answer, please.",
    "Please read this once more",
    "That’s right",
    "What did you see?",
    "How sure are you?",
    "Not this time",
    "Right!",
    "It takes a little getting used to. Let us practise with a few pictures again.",
    "Now the real pictures",
    "Time for a short rest",
    "Type an answer, please.",
    "Leave the study?",
    "What is your first language?",
    "Very well",
    "I’d rather not say",
    "Thank you!",
    "All your answers are saved.",
)

#: notes every text that is ever in the page, attributes that are read aloud included
LISTEN = """
window.said = new Set();
const READ = ["aria-label", "aria-description", "aria-valuetext", "placeholder", "title", "alt"];
const QUIET = ["SCRIPT", "STYLE", "NOSCRIPT", "HEAD"];
const note = (node) => {
  if (node.nodeType === Node.TEXT_NODE) {
    if (!QUIET.includes(node.parentNode?.nodeName)) window.said.add(node.data.trim());
  } else if (node.nodeType === Node.ELEMENT_NODE && !QUIET.includes(node.nodeName)) {
    READ.forEach((name) => window.said.add((node.getAttribute(name) ?? "").trim()));
    node.childNodes.forEach(note);
  }
};
const heard = (record) => {
  if (record.type === "childList") record.addedNodes.forEach(note);
  else note(record.target);
};
new MutationObserver((records) => records.forEach(heard)).observe(document, {
  subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: READ,
});
"""


def study_in(language: str) -> str:
    """A study that asks everything that a page can ask, its texts in a language."""
    text = study_text("typed").replace('name = "typed"', f'name = "in-{language}"\nlanguage = "{language}"')
    changes = {**{english: TEXTS[language][name] for name, english in TEXTS["en"].items()}}
    changes |= {table: f"{table}\n{keys}" for table, keys in MORE_KEYS.items()}
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return text + MORE.format(**TEXTS[language], reference=REFERENCE)


@pytest.fixture(scope="module")
def abroad(installation: Installation) -> Installation:
    """The server, with one more study for each language."""
    for language in FOREIGN:
        path = installation.folder / f"in-{language}.toml"
        path.write_text(study_in(language))
        installation.manage("study", "create", path.name, "--quiet")
        installation.manage("study", "rehearse", f"in-{language}", "--quiet")
    return installation


def words_of(language: str) -> dict[str, tuple[str, ...]]:
    """Our words by their English ones; of a message with a number, all forms."""
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    plain = {
        one.id: (one.string,) for one in catalogue if isinstance(one.id, str) and isinstance(one.string, str)
    }
    plural = {one.id[0]: tuple(one.string or ()) for one in catalogue if isinstance(one.id, tuple)}
    return {**plain, **plural}


def pattern(message: str) -> str:
    return re.sub(r"\\{\w+\\}", ".+", re.escape(message))


def said(page: Page) -> list[str]:
    """Every text that has been in the page since it was loaded."""
    heard: list[str] = page.evaluate("() => [...window.said]")
    return heard


def strange(page: Page, language: str) -> list[str]:
    """What the page said that is neither of ours, in its language, nor of the study's."""
    ours = "|".join(pattern(form) for forms in words_of(language).values() for form in forms if form)
    data = r"\d+|[\W_]*|" + "|".join(map(re.escape, (REFERENCE, *CODES.values(), *CONCEPTS, PRACTICE)))
    studys = "|".join(re.escape(part) for text in TEXTS[language].values() for part in text.split("\n\n"))
    return [text for text in said(page) if not re.fullmatch(f"{ours}|{data}|{studys}", text)]


class Walk:
    """A participant who goes on through a study, whatever its pages ask."""

    def __init__(self, page: Page) -> None:
        self.page = page
        #: headings of the questions answered so far
        self.asked: list[str] = []
        self.steps: dict[str, Callable[[Locator], None]] = {
            ".trial input.words:enabled": self.name_it,
            ".levels": lambda place: place.get_by_role("button").first.click(),
            "form.question": self.answer,
            ".card-place": lambda _place: self.measure_card(),
            ".field": lambda _place: self.skip_distance(),
            "article button.primary": lambda place: place.click(),
            ".feedback button.primary": lambda place: place.click(),
        }

    def until(self, selector: str) -> None:
        """Go on until something is there, at most through as many pages as a small study can have."""
        main = self.page.get_by_role("main")
        for _ in range(80):
            expect(main.locator(", ".join((*self.steps, selector))).first).to_be_visible()
            if main.locator(selector).count():
                return
            self.go_on(main)
        raise AssertionError(f"{selector} did not come")

    def go_on(self, main: Locator) -> None:
        """Do what the page asks, and wait until it is gone."""
        found = next(selector for selector in self.steps if main.locator(selector).count())
        handle = main.locator(found).first.element_handle()
        assert handle is not None
        self.steps[found](main.locator(found).first)
        handle.wait_for_element_state("hidden")

    def name_it(self, place: Locator) -> None:
        """Wrong in the first practice trial, right in all others."""
        place.fill("a teacup" if self.asked.count("trial") else "a spoon")
        self.asked.append("trial")
        self.page.keyboard.press("Enter")

    def answer(self, form: Locator) -> None:
        """Nothing at first, then the next option each time that a question comes, or some words."""
        heading = form.get_by_role("heading").inner_text()
        onwards = form.locator("button.primary")
        onwards.click()
        expect(form.locator(".problem")).not_to_be_empty()
        if form.get_by_role("radio").count():
            form.get_by_role("radio").nth(self.place_of_option(form, self.asked.count(heading))).check()
        else:
            form.locator("input.words").fill("bcd")
        self.asked.append(heading)
        onwards.click()

    def place_of_option(self, form: Locator, number: int) -> int:
        """Where the option of this number stands; that which is right counts as the last."""
        rights = {texts.get("right") for texts in TEXTS.values()}
        options = form.locator("label.option > span").all_inner_texts()
        places = sorted(range(len(options)), key=lambda place: options[place] in rights)
        return places[number]

    def measure_card(self) -> None:
        self.page.keyboard.press("+")
        self.page.locator("main button.primary").click()

    def skip_distance(self) -> None:
        """Begin, then go on without."""
        self.page.locator("main button.primary").click()
        expect(self.page.locator("main .found")).not_to_be_empty()
        self.page.locator("main .actions button.quiet").click()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_study_in_another_language_says_nothing_in_english(
    new_visitor: NewVisitor, abroad: Installation, language: str
) -> None:
    visitor, words = listening(new_visitor), words_of(language)
    visitor.open(f"/s/in-{language}")
    html = visitor.page.locator("html")
    assert html.get_attribute("lang") == language
    assert visitor.page.locator("body").get_attribute("lang") is None
    walk = Walk(visitor.page)
    walk.until("input.words:enabled")
    visitor.press(words["Withdraw"][0])
    visitor.press(words["Keep going"][0])
    visitor.page.locator("main input.words").fill("one two three four")
    visitor.page.keyboard.press("Enter")
    visitor.sees(words["Please use at most one word."][1].format(most=words["three"][0]))
    walk.until("output.code")
    visitor.sees(words["Thank you, that’s everything"][0])
    assert strange(visitor.page, language) == []
    heard = said(visitor.page)
    assert [message for message in HEARD if words[message][0] not in heard] == []
    assert visitor.complaints == []


def listening(new_visitor: NewVisitor) -> Visitor:
    visitor = new_visitor()
    visitor.page.add_init_script(LISTEN)
    return visitor


def test_leaving_in_another_language(new_visitor: NewVisitor, abroad: Installation) -> None:
    visitor, words = listening(new_visitor), words_of("it")
    visitor.open("/s/in-it")
    Walk(visitor.page).until(".verdict")
    visitor.press(words["Withdraw"][0])
    visitor.press(words["Leave, and delete my answers"][0])
    visitor.sees(words["You have left the study"][0])
    assert visitor.code == CODES["withdrawn"]
    assert strange(visitor.page, "it") == []


@pytest.mark.parametrize(("status", "code", "told"), REFUSALS, ids=str)
def test_a_refusal_is_told_in_the_pages_own_words(
    new_visitor: NewVisitor, abroad: Installation, status: int, code: str, told: str
) -> None:
    visitor, words = listening(new_visitor), words_of("it")
    refuse_once(visitor.page, "**/sessions", status, code)
    refuse_once(visitor.page, "**/consent", status, code)
    visitor.open("/s/in-it")
    visitor.sees(words[told][0])
    visitor.press(words["I agree, let’s start"][0])
    expect(visitor.page.locator("#header .status")).to_have_text(words[told][0])
    visitor.sees(words["The pictures flash"][0])
    assert strange(visitor.page, "it") == []


def refuse_once(page: Page, address: str, status: int, code: str) -> None:
    """Answer the first request to an address as a busy server does; the ones after it get through."""
    error = {"code": code, "message": "What a program may read; please wait.", "retryable": True}
    reply = {"status": status, "headers": {"Retry-After": "1"}, "json": {"error": error}}
    page.route(address, lambda route: route.fulfill(**reply), times=1)


def test_a_language_without_a_catalogue_is_shown_as_written(
    new_visitor: NewVisitor, abroad: Installation
) -> None:
    """Its texts say which language they are in and run in its direction; our words are English ones."""
    visitor = new_visitor()
    visitor.open("/s/in-ar")
    page, title, paragraph = visitor.page, TEXTS["ar"]["title"], TEXTS["ar"]["consent"].split("\n\n")[1]
    assert page.title() == title
    assert language_of(page.locator("head title")) == "ar"
    for place in (
        page.get_by_text(paragraph),
        page.get_by_role("heading", name=title),
        page.locator(".study"),
    ):
        assert (language_of(place), direction_of(place)) == ("ar", "rtl")
    agree = page.get_by_role("button", name="I agree")
    assert (language_of(agree), direction_of(agree)) == ("en", "ltr")


def language_of(place: Locator) -> str | None:
    found: str | None = place.evaluate("element => element.closest('[lang]').getAttribute('lang')")
    return found


def direction_of(place: Locator) -> str:
    found: str = place.evaluate("element => getComputedStyle(element).direction")
    return found
