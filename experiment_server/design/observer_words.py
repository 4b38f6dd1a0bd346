"""What people type at a picture: other names, kinds, translations, look-alikes, by concept.

The table serves simulated participants only; the judge never sees it, so that a simulation tests the
judge with words that it was not told.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConceptWords:
    """Words for one concept, besides its name.

    ``synonyms`` name it as well; ``superordinates`` name its kind; ``foreign`` translate it;
    ``associates`` follow its name as a second word; ``lookalikes`` are what a degraded picture of it
    is taken for.
    """

    synonyms: tuple[str, ...] = ()
    superordinates: tuple[str, ...] = ("object", "thing")
    foreign: tuple[str, ...] = ()
    associates: tuple[str, ...] = ("picture", "drawing")
    lookalikes: tuple[str, ...] = ()


#: what a picture is called in which nothing was recognised
VAGUE = ("shape", "pattern", "blur", "circle", "square", "noise", "colours", "art", "logo", "symbol", "cloud")


def _words(
    synonyms: str, superordinates: str, foreign: str, associates: str, lookalikes: str
) -> ConceptWords:
    lists = (synonyms, superordinates, foreign, associates, lookalikes)
    return ConceptWords(*(tuple(filter(None, words.split(", "))) for words in lists))


WORDS: dict[str, ConceptWords] = {
    "sailboat": _words(
        "yacht, sailing boat, sailing ship",
        "boat, ship",
        "barca, velero, voilier",
        "sea, water",
        "tent, kite",
    ),
    "mushroom": _words(
        "toadstool, fungus, champignon", "plant, food", "fungo, seta, pilz", "forest, red", "umbrella, lamp"
    ),
    "fire": _words(
        "flame, flames, blaze", "light, heat", "fuoco, fuego, feuer", "hot, burning", "leaf, carrot"
    ),
    "dog": _words("puppy, hound, doggy", "animal, pet", "cane, perro, hund", "face, brown", "bear, monkey"),
    "hand": _words("palm, raised hand", "body, gesture", "mano, main", "fingers, stop", "glove, tree"),
    "droplet": _words(
        "drop, raindrop, water drop", "water, liquid", "goccia, gota, tropfen", "blue, rain", "egg, balloon"
    ),
    "apple": _words("red apple", "fruit, food", "mela, manzana, apfel", "red, leaf", "tomato, cherry"),
    "umbrella": _words("parasol, brolly", "rain, cover", "ombrello, paraguas", "rain, open", "mushroom, hat"),
    "key": _words("door key, house key", "tool, metal", "chiave, llave", "lock, door", "hammer, spoon"),
    "butterfly": _words("moth, monarch", "insect, bug", "farfalla, mariposa", "wings, blue", "bow, flower"),
    "bicycle": _words(
        "bike, pushbike", "vehicle, transport", "bicicletta, fahrrad", "wheels, ride", "glasses, car"
    ),
    "cactus": _words("saguaro, cacti plant", "plant, tree", "cacto, kaktus", "desert, green", "fork, hand"),
    "cat": _words("kitty, kitten, tabby", "animal, pet", "gatto, gato, katze", "face, eyes", "dog, fox"),
    "rocket": _words(
        "spaceship, missile", "vehicle, space", "razzo, cohete", "launch, space", "pencil, tower"
    ),
    "astronaut": _words("cosmonaut, spaceman", "person, woman", "astronauta", "space, suit", "doll, pilot"),
    "coffee": _words("espresso, cup of coffee", "drink, cup", "caffe, kaffee", "cup, spoon", "soup, plate"),
    "motorcycle": _words(
        "motorbike, scooter", "vehicle, bike", "moto, motorrad", "wheels, engine", "car, machine"
    ),
    "photographer": _words("cameraman", "man, person", "fotografo", "camera, tripod", "gun, lamp"),
    "horse": _words(
        "pony, stallion", "animal, mammal", "cavallo, caballo, pferd", "black, shape", "dog, cow"
    ),
    "clock": _words("watch, timepiece", "object, time", "orologio, reloj, uhr", "time, wall", "coin, plate"),
    "moon": _words("full moon, lunar surface", "planet, space", "luna, mond", "night, sky", "ball, stone"),
    "coins": _words("money, pennies", "metal, objects", "monete, monedas", "old, round", "stones, buttons"),
    "galaxy": _words("stars, universe", "space, sky", "galassia, estrellas", "hubble, night", "snow, dots"),
    "text": _words("page, letter", "paper, writing", "testo, texto", "words, paper", "lines, stripes"),
    "brick": _words("bricks, brick wall", "wall, building", "mattone, ladrillo", "red, wall", "grid, tiles"),
    "grass": _words("lawn, turf", "plant, ground", "erba, hierba", "green, field", "fur, carpet"),
    "gravel": _words("stones, pebbles", "ground, rock", "ghiaia, grava", "grey, road", "sand, noise"),
}


def words_for(concept: str) -> ConceptWords:
    """The words for a concept; a generic few for one that the table does not hold."""
    return WORDS.get(concept, ConceptWords())
