"""The policies of a recipe for secrets and personal data, applied to rows and to what is written about rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fine_tuning.data_io.formats import row_text
from fine_tuning.data_io.formats.findings import Finding, has_error
from fine_tuning.data_io.sources import RawRow
from fine_tuning.datasets.file_check import Examined, examine
from fine_tuning.datasets.privacy import argument_lists, json_tables, owners, seed_phrases
from fine_tuning.datasets.privacy.asked_secrets import Turns
from fine_tuning.datasets.privacy.escapes import decoded_layers
from fine_tuning.datasets.privacy.found import Detector, masked, without_overlaps
from fine_tuning.datasets.privacy.json_text import NAMING_KEYS, find_in, is_by_user
from fine_tuning.datasets.privacy.nested_secrets import is_inside
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.repeated_values import Repeated
from fine_tuning.datasets.privacy.secret_finder import secrets
from fine_tuning.datasets.privacy.secret_names import kind_of
from fine_tuning.datasets.recipe import Policy, Recipe

_OUTCOME = {"report": "found", "mask": "masked", "reject": "rejected"}
_SHORTEST, _SHORTEST_UNNAMED = 4, 6  # characters that anything found has: a password, `a@b.de`


class _Rule(NamedTuple):
    code: str
    policy: Policy
    detector: Detector


class RowPrivacy:
    """Reports, masks or rejects rows with secrets and personal data, as a recipe says.

    Raises:
        MissingDependencyError: a policy is set, and the `privacy` extra is not installed.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._rules: list[_Rule] = []
        if recipe.secrets != "ignore":
            self._rules.append(_Rule("secret", recipe.secrets, secrets()))
        if recipe.personal_data != "ignore":
            self._rules.append(_Rule("personal-data", recipe.personal_data, personal_data()))

    def apply(self, examined: Examined) -> Examined:
        """The row after the policies, masked unless they only report; with a finding for each that found something."""
        outcomes: list[Finding] = []
        for code, policy, detector in self._rules:
            if examined.source is None or has_error([*examined.findings, *outcomes]):
                break
            if not _may_hold(examined.source, detector):
                continue
            text = row_text.canonical(examined.source).decode()
            found = find_in(text, detector)
            if not found:
                continue
            if policy != "report":
                examined = examine(masked_text(text, detector).encode())
            kinds = ", ".join(sorted({each.kind for each in without_overlaps(found)}))
            outcomes.append(Finding(f"{code}-{_OUTCOME[policy]}", "", kinds))
        examined.findings.extend(outcomes)
        return examined

    def conceal(self, raw: RawRow, findings: list[Finding]) -> tuple[RawRow, list[Finding]]:
        """A rejected row and its findings as files may hold them: messages quote what is wrong, also a secret."""
        if raw.text is not None:
            text = raw.text.decode("utf-8", "replace")
            for rule in self._masking():
                hiding = Repeated(rule.detector, find_in(text, rule.detector))
                findings = [_concealed(each, hiding) for each in findings]
                text = masked_text(text, rule.detector)
            raw = raw._replace(text=text.encode("utf-8", "replace")) if self._rules else raw
        return raw, findings

    def _masking(self) -> Iterator[_Rule]:
        return (rule for rule in self._rules if rule.policy != "report")


def masked_text(text: str, detector: Detector) -> str:
    """A text, JSON or not, with masks for what is found, also where a value is repeated without what gave it away."""
    found = find_in(text, detector)
    return masked(text, find_in(text, Repeated(detector, found))) if found else text


def _concealed(finding: Finding, hiding: Detector) -> Finding:
    field, message = (masked(text, find_in(text, hiding)) for text in (finding.field, finding.message))
    return Finding(finding.code, field, message)


def _may_hold(row: Mapping[str, object], detector: Detector) -> bool:
    """Whether a search of the row's JSON may find something; texts in which nothing can be are not searched."""
    turns = Turns()
    for name, text in _texts(row, ""):
        if (secret := turns.answer(name, text)) and detector.find(text[secret.start : secret.end], secret.field):
            return True
        if len(text) < (_SHORTEST if name else _SHORTEST_UNNAMED):
            continue
        layers = list(decoded_layers(text))
        has_layers = bool(layers) or text.lstrip()[:1] in {"{", "["}
        if has_layers and any(detector.suspects(each) for each in (text, *layers)):
            return True
        if detector.suspects(text, name) and detector.find(text, name):
            return True
    return False


def _texts(value: object, name: str, around: str = "") -> Iterator[tuple[str, str]]:
    """The texts of a row, keys and numbers included, each with the fields that it belongs to."""
    if isinstance(value, str):
        yield name, value
        if is_inside(around, name, value):
            yield around, value
    elif isinstance(value, Mapping):
        around = name if kind_of(name) else around
        for key, item in value.items():
            yield "", key
            yield from _texts(item, key, around)
        if isinstance(text := value.get("value"), str):
            yield from ((str(value[key]), text) for key in value if key.lower() in NAMING_KEYS)
        yield from ((meaning, str(value[key])) for key in value if (meaning := owners.named_beside(key, value)))
        yield from json_tables.cells(value)
        yield from (("password", item) for key, item in value.items() if isinstance(item, str) and is_by_user(key))
    elif isinstance(value, list):
        strings = [item for item in value if isinstance(item, str)]
        if argument_lists.is_command(strings) or seed_phrases.is_phrase(strings):
            yield "", argument_lists.command_line(strings)
        if argument_lists.names_second(strings):
            yield strings[0], strings[1]
        yield from json_tables.cells(value)
        for item in value:
            yield from _texts(item, name, around)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, str(value)
