"""What was found about LETS: at most three sentences, each from numbers that a table, a figure or the claims show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lets.claims.judgement import Judged, Ruling
from lets.project import Project
from lets.tables.notes import Answer, Answering, Question, interval_text, mean_text

DECIDED = ("better", "worse", "higher", "lower")
TESTED = (*DECIDED, "undecided")


@dataclass(frozen=True)
class Conclusion:
    """A sentence, and the part of the page that has every number behind it."""

    text: str
    place: str


def conclusions(project: Project, judged: Sequence[Judged]) -> list[Conclusion]:
    """Return how LETS compares with its base methods, with the best fixed radius, and what became of the claims.

    The first table or figure that answers a question is quoted; where no comparison could be tested, nothing is said.
    """
    items = [*project.params.tables.items(), *project.params.figures.items()]
    answers = {name: item.answers(project) for name, item in items if isinstance(item, Answering)}
    found = (_conclusion(question, answers) for question in Question)
    return [*filter(None, found), Conclusion(_of_claims(judged), "claims")]


def _conclusion(question: Question, answers: Mapping[str, Sequence[Answer]]) -> Conclusion | None:
    """Return what the first that answers a question says, if it tested anything."""
    for place, every in answers.items():
        if found := [one for one in every if one.question == question]:
            tested = any(one.verdict in TESTED for one in found)
            return Conclusion(_sentence(question, found), place) if tested else None
    return None


def _sentence(subject: str, answers: Sequence[Answer]) -> str:
    """Return how often it was so, and the largest difference, of those that are decided if any is."""
    counts = Counter(one.verdict if one.verdict in TESTED else "not testable" for one in answers)
    others = [f"{word} in {counts[word]}" for word in (*TESTED[1:], "not testable") if counts[word]]
    times = f"{subject} in {counts['better'] or 'none'} of {_count(len(answers), 'comparison')}"
    return f"{', '.join([times, *others])}{_largest(answers)}."


def _largest(answers: Sequence[Answer]) -> str:
    for words, kind in ((DECIDED, "the largest decided difference"), (TESTED, "the largest difference")):
        if shown := [one for one in answers if one.verdict in words]:
            one = max(shown, key=lambda answer: abs(answer.paired.mean or 0.0))
            quantity = one.quantity
            unit = "points" if quantity.unit == "%" else quantity.unit
            interval = f"95 % interval {interval_text(one.paired, quantity)}, n = {one.paired.n} seeds"
            size = f"{mean_text(one.paired, quantity)} {unit}".rstrip()
            return f"; {kind}, {one.verdict}: {size} ({interval}), {one.title}"
    return ""


def _of_claims(judged: Sequence[Judged]) -> str:
    counts = Counter(one.ruling for one in judged)
    told = [
        f"{counts[ruling]} {ruling}" for ruling in Ruling if counts[ruling] and ruling != Ruling.SUPPORTED
    ]
    supported = f"{counts[Ruling.SUPPORTED] or 'none'} supported"
    return (
        f"The paper's {_count(len(judged), 'claim')}, tested on these runs: {', '.join([supported, *told])}."
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
