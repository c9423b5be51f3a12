"""Secrets and personal data: what is found of a labelled set, and what is taken for it, beside two other libraries.

    python benchmarks/bench_privacy.py            # a minute; Presidio is measured where it is installed

Presidio's recognisers of patterns are called one by one, without a language model, as names of people are no part of
the set; detect-secrets runs with all its detectors. Each side is measured on all texts.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import defaultdict
from collections.abc import Callable

import report
from private_texts import Sample, samples

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.secret_finder import secrets

Span = tuple[int, int]
Side = Callable[[str], list[Span]]
ALL, SECRETS, PERSONAL = ("",), ("token", "password"), ("e-mail", "card", "bank", "IP", "phone")  # beginnings of kinds
SCOPES = {"this project": ALL, "detect-secrets": SECRETS, "Presidio (patterns)": PERSONAL}
LEAST_SCORE = 0.4  # of Presidio: what its patterns find is less sure without words beside it


def ours(text: str) -> list[Span]:
    """This project."""
    return [(each.start, each.end) for each in [*find_in(text, secrets()), *find_in(text, personal_data())]]


def detect_secrets() -> Side:
    """All detectors of detect-secrets."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    def find(text: str) -> list[Span]:
        spans = []
        with default_settings():
            for line in text.split("\n"):
                values = {each.secret_value for each in scan_line(line) if each.secret_value}
                spans += [(text.index(value), text.index(value) + len(value)) for value in values if value in text]
        return spans

    return find


def presidio() -> Side | None:
    """Presidio's recognisers of patterns; None where it is not installed."""
    try:
        from presidio_analyzer import predefined_recognizers as known
    except ImportError:
        return None
    logging.disable(logging.WARNING)
    names = ("EmailRecognizer", "IpRecognizer", "CreditCardRecognizer", "IbanRecognizer", "PhoneRecognizer")
    recognizers = [getattr(known, name)() for name in names]

    def find(text: str) -> list[Span]:
        results = [each for one in recognizers for each in one.analyze(text, one.supported_entities, None) or ()]
        return [(each.start, each.end) for each in results if each.score >= LEAST_SCORE]

    return find


def table(texts: list[Sample], sides: dict[str, Side], *, show: bool) -> str:
    """Recall of each kind and precision, by side."""
    recalled: dict[str, dict[str, list[bool]]] = {name: defaultdict(list) for name in sides}
    wrong = dict.fromkeys(sides, 0)
    alone = dict.fromkeys(sides, 0)
    seconds = dict.fromkeys(sides, 0.0)
    searched = dict.fromkeys(sides, 0)
    for name, find in sides.items():
        for sample in texts:
            if sample.value and not sample.kind.startswith(SCOPES[name]):
                continue
            started = time.perf_counter()
            spans = find(sample.text)
            searched[name] += 1
            seconds[name] += time.perf_counter() - started
            start = sample.text.index(sample.value) if sample.value else len(sample.text)
            end = start + len(sample.value or "")
            hit = any(a <= start and b >= end for a, b in spans)
            false = any(b <= start or a >= end for a, b in spans)
            alone[name] += hit and all(start <= a and b <= end for a, b in spans)
            wrong[name] += false
            if sample.value:
                recalled[name][sample.kind].append(hit)
            if show and name == "this project" and (false or hit != bool(sample.value)):
                print("FALSE" if false else "MISSED", sample, [sample.text[a:b] for a, b in spans])
    lines = []
    for kind in recalled["this project"]:
        shares = " | ".join(
            f"{sum(found[kind]) / len(found[kind]):.1%}" if found[kind] else "" for found in recalled.values()
        )
        lines.append(f"| recall, {kind} ({len(recalled['this project'][kind])}) | {shares} |")
    hits = {name: sum(map(sum, found.values())) for name, found in recalled.items()}
    total = {name: sum(map(len, found.values())) for name, found in recalled.items()}
    rows = {
        "**recall, all of these**": [f"{hits[name] / total[name]:.1%} of {total[name]}" for name in sides],
        "**precision**": [f"{hits[name] / (hits[name] + wrong[name]):.1%}" for name in sides],
        "the value and nothing else": [f"{alone[name] / total[name]:.1%}" for name in sides],
        "texts a second": [f"{searched[name] / seconds[name]:,.0f}" for name in sides],
    }
    lines += [f"| {label} | {' | '.join(values)} |" for label, values in rows.items()]
    head = f"| | {' | '.join(sides)} |\n|---|{'---|' * len(sides)}\n"
    return head + "\n".join(lines)


def kept_json(texts: list[Sample]) -> str:
    """How many texts in JSON are JSON after masking."""
    import json

    valid = []
    for sample in texts:
        try:
            json.loads(sample.text)
        except ValueError:
            continue
        text = sample.text
        for detector in (secrets(), personal_data()):
            text = masked(text, find_in(text, detector))
        try:
            json.loads(text)
            valid.append(True)
        except ValueError:
            valid.append(False)
    return f"{sum(valid):,} of {len(valid):,}"


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", action="store_true", help="print what this project misses, and write nothing")
    asked = parser.parse_args()
    texts = list(dict.fromkeys(samples()))
    if asked.show:
        print(table(texts, {"this project": ours}, show=True))
        return
    sides: dict[str, Side] = {"this project": ours, "detect-secrets": detect_secrets()}
    if other := presidio():
        sides["Presidio (patterns)"] = other
    negatives = sum(sample.value is None for sample in texts)
    body = f"""
{len(texts) - negatives:,} texts with one private value and {negatives:,} that only look so (code, JSON, prose,
versions, slices, numbers), in JSON, code, settings, prose and eight scripts (`benchmarks/private_texts.py`). A value
counts as found if all of it is; a text counts against precision if something is found apart from the value.
detect-secrets (its default detectors) is measured on secrets only, Presidio's patterns on personal data only; both on
all texts without a value. The set was written together with the patterns: it says what they cover, not how they do
on texts of another kind.

{table(texts, sides, show=False)}

Texts in JSON that are JSON after masking: {kept_json(texts)}. Target: recall and precision of at least 95 %.
"""
    report.write("Secrets and personal data", "bench_privacy.py", body)


if __name__ == "__main__":
    main()
