"""Which calls of the gateway become examples, and what is masked in them before they are stored."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple, cast

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.datasets.privacy.found import Detector
from fine_tuning.datasets.privacy.row_privacy import masked_text
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.gateway.exchanges import is_in_sample
from fine_tuning.gateway.spooled_calls import SpooledCall
from fine_tuning.settings import Settings
from fine_tuning.store.records.examples import NewExample

GROUPING = ("user_id", "conversation_id")
"""Metadata that tells which calls belong together: a private one is replaced by its hash, so that it still does."""


class CapturePolicy(NamedTuple):
    """See `FINE_TUNING_CAPTURE_RATE` and `FINE_TUNING_CAPTURE_MASK`.

    Attributes:
        rate: the share of the calls that become examples.
        detectors: of what is masked.
    """

    rate: float = 1.0
    detectors: tuple[Detector, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> CapturePolicy:
        """The policy of the settings.

        Raises:
            MissingDependencyError: something is masked, and the `privacy` extra is not installed.
        """
        from fine_tuning.datasets.privacy.personal_data import personal_data
        from fine_tuning.datasets.privacy.secret_finder import secrets

        makers = {"secrets": secrets, "personal_data": personal_data}
        return cls(settings.capture_rate, tuple(makers[each]() for each in settings.capture_mask))

    def has_drawn(self, call: SpooledCall) -> bool:
        """Whether the call is in the sample."""
        return is_in_sample(call.tags, call.facts["id"], self.rate)

    def masked(self, example: NewExample) -> NewExample:
        """The example without what is private."""
        if not self.detectors:
            return example
        parts = {"messages": messages_of_example(example), "tools": example["tools"], "metadata": example["metadata"]}
        before = json.dumps(parts, ensure_ascii=False)
        text = self.text(before)
        if text == before:
            return example
        found = json.loads(text)
        metadata = {**found["metadata"], **self._hashes(example["metadata"], found["metadata"])}
        facts = Facts(
            domain=self.text(example["domain"]),
            task_type=self.text(example["task_type"]),
            rating=example["rating"],
            metadata=metadata,
            model_used=example["model_used"],
            captured_at=example["captured_at"],
            project=example["project"],
        )
        return example_record(found["messages"], found["tools"], facts)

    def text(self, text: str) -> str:
        """A text without what is private."""
        for detector in self.detectors:
            text = masked_text(text, detector)
        return text

    def name(self, name: str) -> str:
        """A name that groups calls; its hash where it is private."""
        return name if self.text(name) == name else _hash(name)

    def metadata(self, metadata: JsonObject) -> JsonObject:
        """An object without what is private."""
        return cast("JsonObject", json.loads(self.text(json.dumps(metadata, ensure_ascii=False)))) if metadata else {}

    def _hashes(self, before: JsonObject, after: JsonObject) -> JsonObject:
        return {key: _hash(str(before[key])) for key in GROUPING if key in before and before[key] != after.get(key)}


def _hash(name: str) -> str:
    return f"sha256:{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"
