"""Chat rows as an application logs them, any number, the same for the same seed; and pairs with known edits."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import report

BANKING = report.PROJECT.parent / "shared" / "data" / "banking77"
DOMAINS = ("orders", "billing", "travel", "devices", "health", "energy", "school", "garden")
REPEATED, EDITED, BROKEN = 0.05, 0.10, 0.01  # shares of rows: said before, said before with edits, unusable


class Writer:
    """Makes rows of English words, as often as they come in the text that every Python brings along: its help."""

    def __init__(self, seed: int = 1) -> None:
        self._chosen = random.Random(seed)
        self._words = re.findall(r"\b[a-z]{2,12}\b", " ".join(topics.values()))

    def text(self, words: int) -> str:
        """So many words in sentences."""
        said = self._chosen.choices(self._words, k=words)
        for place in range(12, words, 12):
            said[place] = said[place].capitalize()
            said[place - 1] += "."
        return " ".join(said)

    def row(self, number: int) -> dict[str, Any]:
        """About 1 KB: a question of some 60 words, an answer of some 80."""
        chosen = self._chosen
        asked = f"{self.text(chosen.randint(30, 90))} ({chosen.randrange(10**9)} {chosen.randrange(10**9)})"
        return {
            "messages": [
                {"role": "system", "content": "You help the customers of a shop. Be brief, be kind, be exact."},
                {"role": "user", "content": asked},
                {"role": "assistant", "content": self.text(chosen.randint(40, 120))},
            ],
            "domain": chosen.choice(DOMAINS),
            "rating": chosen.choice((1, 2, 3, 4, 4, 5, 5, 5)),
            "metadata": {"request": number, "release": f"2026.{number % 12 + 1}"},
        }

    def edited(self, text: str, share: float) -> str:
        """The text with this share of its words replaced."""
        words = text.split(" ")
        for place in self._chosen.sample(range(len(words)), max(1, round(len(words) * share))):
            words[place] = self._chosen.choice(self._words)
        return " ".join(words)

    def rows(self, count: int) -> Iterator[dict[str, Any]]:
        """New rows, and some that repeat earlier ones, with or without edits."""
        recent: list[dict[str, Any]] = []
        for number in range(count):
            dice = self._chosen.random()
            if dice < REPEATED + EDITED and recent:
                row = json.loads(json.dumps(self._chosen.choice(recent)))
                if dice >= REPEATED:
                    asked = row["messages"][1]
                    asked["content"] = self.edited(asked["content"], self._chosen.choice((0.02, 0.05, 0.1)))
            else:
                row = self.row(number)
                recent.append(row)
                if len(recent) > 5000:
                    recent[self._chosen.randrange(5000)] = recent.pop()
            if self._chosen.random() < BROKEN:
                row = {**row, "messages": row["messages"][:-1]}
            yield row


def banking() -> list[dict[str, Any]]:
    """The questions of banking77 with their intent as the answer, where the data is there."""
    found = []
    for file in sorted(BANKING.glob("*.csv")) if BANKING.is_dir() else []:
        with file.open(encoding="utf-8", newline="") as stream:
            found += [{"prompt": row["text"], "response": row["category"]} for row in csv.DictReader(stream)]
    return found


def write(path: Path, count: int, seed: int = 1) -> None:
    """A JSONL file of so many rows; every fiftieth is a question of banking77, with edits."""
    writer, questions = Writer(seed), banking()
    with path.open("w", encoding="utf-8") as stream:
        for number, row in enumerate(writer.rows(count)):
            if questions and number % 50 == 0:
                base = questions[number // 50 % len(questions)]
                asked = writer.edited(base["prompt"], 0.1) if number > 50 * len(questions) else base["prompt"]
                row = {
                    "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": base["response"]}]
                }
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
