"""The names of the chat templates that a base model without one can be trained with; see `chat_templates`."""

from __future__ import annotations

from typing import Literal, get_args

ChatTemplate = Literal["chatml", "gemma", "llama3", "mistral", "phi3", "zephyr"]
ADVICE = f"use an instruct model, or train it with --chat-template ({', '.join(get_args(ChatTemplate))})"
