"""A person who takes part in the study "whole", with the keyboard alone: every page, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import expect

from tests.browser.visitor import Visitor

TITLE = "Seeing through noise"
RETURNED = "Carry on where you left off"
QUESTION = "What did you see?"
SURE = "How sure are you?"

Act = Callable[[Visitor], None]


@dataclass(frozen=True)
class Step:
    """A page by its heading, and what one does there."""

    heading: str
    act: Act
    #: a reload of the page leads back to it
    stays: bool = True


def button(name: str) -> Act:
    return lambda visitor: visitor.enter(name)


def keys(*names: str) -> Act:
    """Press keys, one after the other."""

    def act(visitor: Visitor) -> None:
        for name in names:
            visitor.page.keyboard.press(name)

    return act


def choice(option: str) -> Act:
    """Choose an option by its key, wherever it stands, and press Enter."""

    def act(visitor: Visitor) -> None:
        words = visitor.page.locator("label.option > span").all_inner_texts()
        keys(str(words.index(option) + 1), "Enter")(visitor)

    return act


def typed(words: str) -> Act:
    """Type words where the focus is, and press Enter; nothing typed is Escape."""

    def act(visitor: Visitor) -> None:
        expect(visitor.page.locator("main input.words")).to_be_focused()
        visitor.page.keyboard.type(words)
        visitor.page.keyboard.press("Enter" if words else "Escape")

    return act


def set_the_card(visitor: Visitor) -> None:
    visitor.page.keyboard.press("+")
    visitor.enter("It is as large as my card")


def named(words: str, level: int) -> tuple[Step, ...]:
    """A trial: the answer, and how sure one is of it."""
    return (Step(QUESTION, typed(words)), Step(SURE, keys(str(level)), stays=False))


def practised(words: str, level: int, feedback: str) -> tuple[Step, ...]:
    return (*named(words, level), Step(feedback, button("Next"), stays=False))


OPENING = (
    Step(TITLE, button("I agree, let’s start")),
    Step("The pictures flash", button("That is fine for me")),
    Step("How large is your screen?", set_the_card),
    Step("How far are you from the screen?", button("Skip this"), stays=False),
    Step("You will name what you see", button("I have read this")),
    Step("What do you do after each picture?", choice("Count its colours")),
    Step("May you guess?", choice("Yes, always"), stays=False),
    Step("Please read this once more", button("Answer again"), stays=False),
    Step("What do you do after each picture?", choice("Name what it showed")),
    Step("That’s right", button("Start the practice"), stays=False),
)
PRACTICE = (
    *practised("teacup", 2, "Right!"),
    *practised("spoon", 1, "Not this time"),
    Step("Once more", button("Practise once more"), stays=False),
    *practised("tea cup", 3, "Right!"),
    *practised("teacup", 4, "Right!"),
    Step("Now the real pictures", button("I’m ready"), stays=False),
)
MAIN = (
    *named("sailboat", 1),
    Step(QUESTION, typed("")),
    *named("umbrella", 4),
    Step("Please type the word green.", typed("green")),
    Step("Time for a short rest", button("Go on")),
    *named("lighthouse", 2),
    *named("a dinghy", 3),
    *named("tree", 1),
)
CLOSING = (
    Step("What is your first language?", typed("italian")),
    Step("How well do you know the language of this study (English)?", keys("2", "Enter")),
    Step("Do you have difficulty telling some colours apart (colour blindness)?", keys("3", "Enter")),
    Step("What are you using for this study?", keys("1", "Enter")),
    Step("Which country do you live in?", button("I’d rather not say")),
    Step("Did you wear glasses?", keys("3", "Enter")),
    Step("Is there anything that you would like to tell us?", typed("It was fun")),
    Step("Thank you!", button("Finish and get my completion code")),
)
STEPS = (*OPENING, *PRACTICE, *MAIN, *CLOSING)
END = "Thank you, that’s everything"

#: what the server holds afterwards
ANSWERS = [
    ("teacup", 2),
    ("spoon", 1),
    ("tea cup", 3),
    ("teacup", 4),
    ("sailboat", 1),
    ("", None),
    ("umbrella", 4),
    ("lighthouse", 2),
    ("a dinghy", 3),
    ("tree", 1),
]
QUESTIONNAIRE = {
    "first_language": "it",
    "fluency": "very_well",
    "colour_vision": "unsure",
    "device": "computer",
    "country": None,
    "glasses": "Contact lenses",
    "remarks": "It was fun",
}


def sees_heading(visitor: Visitor, name: str) -> None:
    """Wait for a page with this heading that asks for something."""
    heading = visitor.page.get_by_role("heading", level=1, name=name, exact=True)
    expect(heading).to_be_visible()
    expect(visitor.page.locator(".settling")).to_have_count(0)
    if name == QUESTION:
        expect(visitor.page.locator("main input.words")).to_be_focused()
    if name == SURE:
        expect(visitor.page.get_by_role("group", name=SURE)).to_be_focused()


def walk(visitor: Visitor, steps: tuple[Step, ...] = STEPS) -> Iterator[Step]:
    """Show each page, then do there what leads on."""
    for step in steps:
        sees_heading(visitor, step.heading)
        yield step
        step.act(visitor)


def take_part(visitor: Visitor, steps: tuple[Step, ...] = STEPS) -> None:
    for _ in walk(visitor, steps):
        pass
