"""What is paid for an answer: of a cascade or a prompt that is registered here, the model of a host that it asks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fine_tuning.data_io.messages import Message
from fine_tuning.serving.cascade_engine import CascadeSettings
from fine_tuning.serving.engine_choice import EngineKind, composed_kind
from fine_tuning.serving.instructions import Instructions
from fine_tuning.serving.model_resolution import LOCAL, Target
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.retrieved_examples import read_few_shot


class PaidPart(NamedTuple):
    """The model that is asked in the end.

    Attributes:
        provider: "local" where nothing is paid to a host.
        beside: messages no shorter than those that are put beside the conversation.
    """

    provider: str
    model: str
    beside: tuple[Message, ...] = ()


def paid_part(target: Target) -> PaidPart:
    """What a target asks in the end: itself, or through all its parts the last one.

    Raises:
        DataError: a model of parts is damaged.
    """
    found = PaidPart(target.provider, target.model)
    seen: set[Path] = set()
    while found.provider == LOCAL and Path(found.model).is_dir():
        folder = Path(found.model).resolve()
        if folder in seen:  # it is a part of itself, which whoever opens it says
            break
        seen.add(folder)
        found_part = _part_of(folder)
        if found_part is None:
            break
        part, beside = found_part
        found = PaidPart(part.provider, part.model, (*found.beside, *beside))
    return found


def _part_of(folder: Path) -> tuple[PartModel, tuple[Message, ...]] | None:
    """The model that a model of parts asks, and what it says beside; None of another model."""
    kind = composed_kind(folder)
    if kind is EngineKind.CASCADE:
        return CascadeSettings.load(folder).second, ()
    if kind is EngineKind.PROMPT:
        found = Instructions.load(folder)
        return found.part, ({"role": "system", "content": found.text},)
    if kind is not EngineKind.FEW_SHOT:
        return None
    settings, examples = read_few_shot(folder)
    longest = max(examples, key=lambda each: len(each.question.encode()) + len(each.answer.encode()))
    turns: tuple[Message, ...] = (
        {"role": "user", "content": longest.question},
        {"role": "assistant", "content": longest.answer},
    )
    return settings.part, turns * settings.shots
