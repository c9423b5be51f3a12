"""The messages that a model grader shows its judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fine_tuning.evaluation.graders.grading import Row
from fine_tuning.evaluation.graders.templates import Template, render
from fine_tuning.serving.chat_types import Messages


class TextPart(BaseModel):
    """A part of a message; images and audio cannot be shown to the models served here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["input_text", "output_text"]
    text: Template


class InputMessage(BaseModel):
    """A message for the judge, whose texts are templates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["user", "assistant", "system", "developer"]
    content: Template | TextPart | list[Template | TextPart]
    type: Literal["message"] | None = None

    def rendered(self, row: Row) -> dict[str, object]:
        """The message as chat templates expect it: "system" in place of "developer", parts joined to one text."""
        parts = self.content if isinstance(self.content, list) else [self.content]
        texts = [render(part if isinstance(part, str) else part.text, row) for part in parts]
        return {"role": "system" if self.role == "developer" else self.role, "content": "\n".join(texts)}


def prompt(messages: Sequence[InputMessage], row: Row, task: str) -> Messages:
    """The conversation, with the task of the grader at the end of its first system message, or as one before it."""
    shown = [message.rendered(row) for message in messages]
    if shown[0]["role"] == "system":
        return [{**shown[0], "content": f"{shown[0]['content']}\n\n{task}"}, *shown[1:]]
    return [{"role": "system", "content": task}, *shown]
