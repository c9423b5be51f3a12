"""Write the data of `ft-cli demo`: recorded calls in which a big model reads a customer's mail and answers with JSON.

The answer to "please bring ORD-48213 on the 3rd of March instead" is

    {"intent": "change_delivery_date", "order": "48213", "date": "3 March"}

with null for what the mail does not name. The sentences are authored, in `support_inbox_sentences.txt`; nothing in them
is real. As in life, the recording has repeated calls, bad answers with low ratings, and lines that are broken. The same
input gives the same file:

    python scripts/author_support_inbox.py
"""

from __future__ import annotations

import json
import random
import re
from calendar import month_name, monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import Any

SENTENCES = Path(__file__).with_name("support_inbox_sentences.txt")
OUTPUT = Path(__file__).parents[1] / "src" / "fine_tuning" / "workflows" / "demo" / "support_inbox.jsonl"
SEED = 2026
SYSTEM_PROMPT = "Triage the mail. Answer with JSON: intent, order, date."

GOOD, REPEATED, NEARLY_REPEATED, MISTAKES_PER_KIND = 640, 40, 20, 12
GOOD_BUT_NOT_PERFECT = 0.25
TYPO_SHARE = 0.15
MOST_WORDS = 45

FIRST_DAY, DAYS = datetime(2026, 8, 15, tzinfo=UTC), 91
LAST_ORIGINAL = FIRST_DAY + timedelta(days=DAYS - 6)  # so that what comes again does so in November at the latest

MISTAKEN_FOR = {
    "track_order": "change_delivery_date",
    "cancel_order": "return_item",
    "return_item": "cancel_order",
    "damaged_item": "return_item",
    "change_address": "track_order",
    "change_delivery_date": "track_order",
    "invoice_copy": "track_order",
}
INTENTS = tuple(MISTAKEN_FOR)
ORDER_STYLES = {  # what stands before the number, and how often, by slot
    "order": {"": 35, "#": 30, "ORD-": 15, "no. ": 12, "number ": 8},
    "number": {"": 50, "#": 30, "ORD-": 20},
    "ref": {"order ": 30, "order #": 20, "#": 20, "ORD-": 18, "order no. ": 12},
}
SMALL_WORDS = {"could": "can", "Could": "Can", "please": "kindly", "Please": "Kindly"}

Sections = dict[str, list[str]]
Answer = dict[str, str | None]
Row = dict[str, Any]


@dataclass(frozen=True)
class Pattern:
    """A sentence with slots, and what its writer wants."""

    intent: str
    text: str

    @property
    def pieces(self) -> list[tuple[str, str | None]]:
        """Literal text and the slot that follows it, in turn."""
        return [(literal, slot) for literal, slot, _, _ in Formatter().parse(self.text)]

    @property
    def slots(self) -> set[str]:
        """The names of the slots, in small letters."""
        return {slot.lower() for _, slot in self.pieces if slot}

    @property
    def has_order(self) -> bool:
        """Whether the mail names an order."""
        return bool(self.slots & {"order", "number", "ref"})

    @property
    def has_date(self) -> bool:
        """Whether the mail names a day."""
        return "date" in self.slots

    @property
    def is_small(self) -> bool:
        """Whether all is written in small letters."""
        return not any(literal != literal.lower() for literal, _ in self.pieces)

    @property
    def is_loud(self) -> bool:
        """Whether all is written in capitals."""
        return not any(literal != literal.upper() for literal, _ in self.pieces)


@dataclass
class Call:
    """One recorded call: the line of the file comes from `row`, or is `line` where that is broken."""

    moment: datetime
    row: Row
    line: str | None = None


class Author:
    """Writes mails from patterns; all chance is in `rng`."""

    def __init__(self, sections: Sections, rng: random.Random) -> None:
        self.sections = sections
        self.rng = rng
        self.patterns = [Pattern(intent, text) for intent in INTENTS for text in sections[intent]]
        self._seen: set[str] = set()
        self._orders: set[str] = set()

    def call(self, pattern: Pattern, rating: int = 5) -> Call:
        """A call with a mail nobody wrote before, answered rightly."""
        prompt, answer, channel = self._mail(pattern)
        while prompt in self._seen:
            prompt, answer, channel = self._mail(pattern)
        self._seen.add(prompt)
        moment = self._moment()
        return Call(moment, as_row(prompt, json.dumps(answer), rating, channel, moment))

    def again(self, call: Call, prompt: str | None = None, rating: int | None = None) -> Call:
        """The call once more some time later, perhaps with other words or another rating."""
        moment = call.moment + timedelta(seconds=self.rng.randrange(120, 5 * 86400))
        row = call.row | {"prompt": prompt or call.row["prompt"], "rating": rating or call.row["rating"]}
        return Call(moment, row | {"captured_at": moment.isoformat()})

    def pick(self, section: str) -> str:
        """One entry of a section."""
        return self.rng.choice(self.sections[section])

    def _moment(self) -> datetime:
        second = self.rng.randrange(6 * 3600, 21 * 3600)
        return FIRST_DAY + timedelta(days=self.rng.randrange(DAYS), seconds=second)

    def _mail(self, pattern: Pattern) -> tuple[str, Answer, str]:
        order, (date, date_words) = self._order(), self._date(pattern.is_small)
        values = {slot: self._order_words(slot, order) for slot in ORDER_STYLES}
        values |= {slot: self.pick(slot) for slot in ("item", "device", "furniture", "wear", "street")}
        values["date"] = date_words
        channel = self._channel(pattern)
        text = self._dress(pattern, self._fill(pattern, values), channel)
        answer: Answer = {
            "intent": pattern.intent,
            "order": order if pattern.has_order else None,
            "date": date if pattern.has_date else None,
        }
        return text, answer, channel

    def _fill(self, pattern: Pattern, values: dict[str, str]) -> str:
        pieces = pattern.pieces
        literals = [literal for literal, _ in pieces]
        if self.rng.random() < TYPO_SHARE and not pattern.is_loud:
            literals = self._with_typo(literals)
        words = []
        for literal, (_, slot) in zip(literals, pieces, strict=True):
            value = values[slot.lower()] if slot else ""
            if pattern.is_loud:
                value = value.upper()
            elif slot == "Ref":
                value = value[:1].upper() + value[1:]
            words.append(literal + value)
        return "".join(words)

    def _with_typo(self, literals: list[str]) -> list[str]:
        places = [(i, m) for i, text in enumerate(literals) for m in re.finditer(r"\b[a-z]{5,}\b", text)]
        if not places:
            return literals
        index, match = self.rng.choice(places)
        text = literals[index]
        changed = text[: match.start()] + self._misspell(match.group()) + text[match.end() :]
        return [*literals[:index], changed, *literals[index + 1 :]]

    def _misspell(self, word: str) -> str:
        at = self.rng.randrange(1, len(word) - 2)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        dropped = word[:at] + word[at + 1 :]
        doubled = word[: at + 1] + word[at:]
        return self.rng.choice([swapped, swapped, dropped, doubled])

    def _order(self) -> str:
        order = str(self.rng.randrange(10000, 100000))
        while order in self._orders:
            order = str(self.rng.randrange(10000, 100000))
        self._orders.add(order)
        return order

    def _order_words(self, slot: str, order: str) -> str:
        prefixes = ORDER_STYLES[slot]
        return f"{self.rng.choices(list(prefixes), list(prefixes.values()))[0]}{order}"

    def _date(self, small: bool) -> tuple[str, str]:
        number = self.rng.randrange(1, 13)
        day = self.rng.randrange(1, monthrange(2026, number)[1] + 1)
        month = month_name[number]
        short = "Sept" if number == 9 and self.rng.random() < 0.5 else month[:3]
        words = self.rng.choices(
            [
                f"{day} {month}",
                f"{month} {ordinal(day)}",
                f"{month} {day}",
                f"the {ordinal(day)} of {month}",
                f"{ordinal(day)} of {month.lower()}",
                f"{short} {day}",
                f"{day} {short}",
            ],
            [24, 20, 13, 17, 10, 10, 6],
        )[0]
        return f"{day} {month}", words.lower() if small and self.rng.random() < 0.6 else words

    def _channel(self, pattern: Pattern) -> str:
        weights = [15, 70, 15] if pattern.is_small else [60, 15, 25]
        return self.rng.choices(["email", "chat", "form"], weights)[0]

    def _dress(self, pattern: Pattern, text: str, channel: str) -> str:
        """Add a greeting and a name as the channel has it, unless the text is loud, long, or has its own."""
        if pattern.is_loud or len(text.split()) > MOST_WORDS - 8:
            return text
        small = "small_" if pattern.is_small else ""
        break_ = "\n\n" if channel == "email" and not small else " "
        greets = re.match(r"(hi|hello|hey|dear|good (day|morning|afternoon|evening))\b", text, re.IGNORECASE)
        if not greets and self.rng.random() < {"email": 0.45, "chat": 0.2, "form": 0.05}[channel]:
            text = self.pick(f"{small}opening") + break_ + text
        thanks = re.search(r"(thank|cheers|thx|\bta$)", text[-30:], re.IGNORECASE)
        if not thanks and self.rng.random() < {"email": 0.5, "chat": 0.12, "form": 0.15}[channel]:
            text += self._closing(small, break_)
        return text

    def _closing(self, small: str, break_: str) -> str:
        words = self.pick(f"{small}closing")
        if small:
            return f" {words}"
        if break_ == " ":
            return f" {words.rstrip(',')}, {self.pick('name')}"
        return f"{break_}{words}\n{self.pick('name')}"


def ordinal(day: int) -> str:
    """1st, 2nd, 3rd, 4th, ..."""
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def read_sections(path: Path) -> Sections:
    """The entries of a sentence file by section."""
    sections: Sections = {}
    entries: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            entries = sections[heading[1]] = []
        elif line and not line.startswith("# "):
            entries.append(line)
    return sections


def as_row(prompt: str, response: str, rating: int, channel: str, moment: datetime) -> Row:
    """A line of the file as a mapping."""
    return {
        "system_prompt": SYSTEM_PROMPT,
        "prompt": prompt,
        "response": response,
        "domain": "support",
        "task_type": "triage",
        "rating": rating,
        "model_used": "gpt-4o",
        "metadata": {"channel": channel},
        "captured_at": moment.isoformat(),
    }


def good_calls(author: Author) -> list[Call]:
    """Rightly answered calls, as many of each intent: every pattern once, then those that can vary again."""
    calls = []
    for number, intent in enumerate(INTENTS):
        patterns = [pattern for pattern in author.patterns if pattern.intent == intent]
        wanted = GOOD // len(INTENTS) + (number < GOOD % len(INTENTS))
        varying = [pattern for pattern in patterns if pattern.has_order or pattern.has_date]
        author.rng.shuffle(varying)
        chosen = [*patterns, *varying, *varying][:wanted]
        calls += [author.call(pattern, 4 if author.rng.random() < GOOD_BUT_NOT_PERFECT else 5) for pattern in chosen]
    return calls


def repeated_calls(author: Author, good: list[Call]) -> list[Call]:
    """Some good calls seen again: the same mail sent twice."""
    early = [call for call in good if call.moment < LAST_ORIGINAL]
    return [author.again(call) for call in author.rng.sample(early, REPEATED)]


def nearly_repeated_calls(author: Author, good: list[Call]) -> list[Call]:
    """Some good calls seen again with a word or a mark changed."""
    early = [call for call in good if call.moment < LAST_ORIGINAL]
    variants = [(call, prompts) for call in early if (prompts := list(retouched(call.row["prompt"])))]
    return [
        author.again(call, author.rng.choice(prompts), author.rng.choice([4, 5]))
        for call, prompts in author.rng.sample(variants, NEARLY_REPEATED)
    ]


def retouched(prompt: str) -> Iterator[str]:
    """The mail with one small change, in several ways."""
    words = prompt.split(" ")
    if prompt.endswith((".", "?")):
        yield f"{prompt[:-1]}!"
        if len(words) >= 12:  # one word more or other makes a shorter mail another mail
            yield f"{prompt} Please!"
    if "?\n" in prompt:
        yield prompt.replace("?\n", "??\n")
    if ", " in prompt:
        yield prompt.replace(", ", " ", 1)
    if len(words) >= 30:
        for position, word in enumerate(words):
            if word in SMALL_WORDS:
                yield " ".join([*words[:position], SMALL_WORDS[word], *words[position + 1 :]])


def mistaken_calls(author: Author) -> list[Call]:
    """Calls that a person rated low, by kind of mistake."""
    mistakes: list[tuple[Callable[[Author, Answer], str], tuple[int, ...]]] = [
        (wrong_intent, (1, 2)),
        (chatty, (3,)),
        (missing_key, (2, 3)),
        (wrong_date, (2,)),
        (refusal, (1,)),
    ]
    dated = [pattern for pattern in author.patterns if pattern.has_date]
    calls = []
    for mistake, ratings in mistakes:
        patterns = dated if mistake is wrong_date else author.patterns
        for pattern in author.rng.sample(patterns, MISTAKES_PER_KIND):
            call = author.call(pattern, author.rng.choice(ratings))
            call.row["response"] = mistake(author, json.loads(call.row["response"]))
            calls.append(call)
    return calls


def wrong_intent(_author: Author, answer: Answer) -> str:
    """An answer that takes the mail for another kind."""
    return json.dumps(answer | {"intent": MISTAKEN_FOR[str(answer["intent"])]})


def chatty(author: Author, answer: Answer) -> str:
    """The right answer with talk around it."""
    text = json.dumps(answer, indent=author.rng.choice([None, 2]))
    return f"{author.pick('preamble')}\n\n```json\n{text}\n```\n{author.pick('afterword')}"


def missing_key(author: Author, answer: Answer) -> str:
    """An answer that leaves a key out."""
    left_out = author.rng.choice(["order", "date"])
    return json.dumps({key: value for key, value in answer.items() if key != left_out})


def wrong_date(author: Author, answer: Answer) -> str:
    """An answer with another day, without the day, or with it written otherwise."""
    day, month = str(answer["date"]).split()
    other = int(day) - 1 if int(day) > 1 else 2
    return json.dumps(answer | {"date": author.rng.choice([f"{other} {month}", None, f"{month} {day}, 2026"])})


def refusal(author: Author, _answer: Answer) -> str:
    """An answer that is none."""
    return author.pick("refusal")


def malformed_calls(author: Author) -> list[Call]:
    """Calls whose line an importer has to reject."""
    faults: list[tuple[int, Callable[[Row], Any]]] = [
        (2, lambda row: row | {"prompt": ""}),
        (2, lambda row: {key: value for key, value in row.items() if key != "response"}),
        (2, lambda row: row | {"response": None}),
        (1, lambda row: row | {"response": " \n "}),
        (1, lambda row: row | {"rating": 9}),
        (1, lambda row: row | {"rating": "five"}),
        (1, lambda row: row | {"rating": 0}),
        (1, lambda row: [row["prompt"], row["response"], row["rating"]]),
        (1, lambda row: row | {"prompt": {"order": 48213}}),
    ]
    calls = []
    for count, fault in faults:
        for pattern in author.rng.sample(author.patterns, count):
            call = author.call(pattern)
            calls.append(Call(call.moment, call.row, json.dumps(fault(call.row))))
    for pattern, share in zip(author.rng.sample(author.patterns, 2), (0.35, 0.8), strict=True):
        call = author.call(pattern)
        line = json.dumps(call.row)
        calls.append(Call(call.moment, call.row, line[: int(len(line) * share)]))
    return calls


def author_calls() -> list[Call]:
    """All calls in the order of their time."""
    author = Author(read_sections(SENTENCES), random.Random(SEED))
    good = good_calls(author)
    calls = [
        *good,
        *repeated_calls(author, good),
        *nearly_repeated_calls(author, good),
        *mistaken_calls(author),
        *malformed_calls(author),
    ]
    return sorted(calls, key=lambda call: call.moment)


def main() -> None:
    """Write the file."""
    lines = [call.line or json.dumps(call.row) for call in author_calls()]
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} lines in {OUTPUT}")


if __name__ == "__main__":
    main()
