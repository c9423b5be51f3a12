"""Tokens of images in a conversation, as OpenAI counts them.

Source: https://platform.openai.com/docs/guides/images-vision, "Calculating costs". What an image costs depends on its
size, which an address does not tell: it is counted as the largest that the model reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fine_tuning._util.model_names import base_model_of

Message = Mapping[str, object]


class ImageTokens(NamedTuple):
    """Tokens of an image: in low detail, and of the largest in high detail."""

    low: int
    high: int


_TILES = 8  # of 512 x 512, in 768 x 2048, to which larger images are scaled down
_PATCHES = 1536
_TILED = {"gpt-4o-mini": (2833, 5667), "gpt-4o": (85, 170), "gpt-4.1": (85, 170)}  # base, and a tile's
_PATCHED = {"gpt-4.1-mini": 1.62, "gpt-4.1-nano": 2.46}  # tokens a patch of 32 x 32


def image_tokens(model: str) -> ImageTokens | None:
    """What an image costs with a model; None for a model that reads none, or whose cost is not public."""
    base = base_model_of(model)
    names = [name for name in (*_TILED, *_PATCHED) if base == name or base.startswith(f"{name}-")]
    if not names:
        return None
    name = max(names, key=len)
    if name in _PATCHED:
        most = round(_PATCHES * _PATCHED[name])
        return ImageTokens(most, most)
    first, tile = _TILED[name]
    return ImageTokens(first, first + _TILES * tile)


def images_in(messages: Sequence[Message]) -> Iterator[Mapping[str, object]]:
    """The image parts of messages."""
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict) and part.get("type") == "image_url")


def is_low(part: Mapping[str, object]) -> bool:
    """Whether an image is read in low detail."""
    image = part.get("image_url")
    return isinstance(image, Mapping) and image.get("detail") == "low"
