"""The parameters of an embeddings request; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from fine_tuning._util.encodings import text_of_tokens
from fine_tuning.errors import UsageError
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.request_model import RequestModel, ignored, supported
from fine_tuning.server.text_inputs import MAX_INPUTS, TextInputs

ENCODING = "cl100k_base"  # of OpenAI's embedding models, with which its clients make token ids


class EmbeddingRequest(RequestModel):
    """Texts to embed, as OpenAI's API takes them."""

    input: TextInputs = Field(
        json_schema_extra={"why": f"up to {MAX_INPUTS} inputs; token ids are read as {ENCODING}, as OpenAI does"}
    )
    model: str = Field(min_length=1, max_length=200)
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = supported("shorter than the model's only where it was trained for that (Matryoshka)", ge=1)

    user: str | None = ignored("users of a key are not distinguished")

    def texts(self) -> list[str]:
        """The inputs as texts.

        Raises:
            ApiError: 400, a token id is unknown.
        """
        return [each if isinstance(each, str) else _decoded(each) for each in self.input]


def _decoded(tokens: Sequence[int]) -> str:
    try:
        return text_of_tokens(tokens, ENCODING)
    except UsageError as error:
        raise invalid(f"{error}; token ids are read as {ENCODING}, send text otherwise", "input") from None
