"""An application on OpenAI's SDK, with the address of the gateway in place of the vendor's."""

from __future__ import annotations

from typing import NamedTuple, Self
from uuid import uuid4

import httpx2
from openai import APIError, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from fine_tuning.errors import ProviderError
from fine_tuning.workflows.demo.run_demo import MAX_TOKENS


class Question(NamedTuple):
    """A call that the application makes.

    Attributes:
        system: the system prompt.
        text: of the user.
        expected: the right answer, which the application finds out later.
    """

    system: str
    text: str
    expected: str


class Answer(NamedTuple):
    """What came back."""

    call_id: str
    content: str


class Application:
    """Asks for a model by one name, whatever answers."""

    def __init__(self, gateway: str, model: str) -> None:
        self._model = model
        self._openai = OpenAI(base_url=f"{gateway}/openai/v1", api_key="sk-of-the-application", max_retries=0)
        self._gateway = httpx2.Client(base_url=gateway)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._openai.close()
        self._gateway.close()

    def ask(self, question: Question) -> Answer:
        """Ask one question; every question is of another user.

        Raises:
            ProviderError: there is no answer.
        """
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.text},
        ]
        try:
            reply = self._openai.chat.completions.with_raw_response.create(
                model=self._model,
                messages=messages,
                max_tokens=MAX_TOKENS,
                temperature=0,
                extra_headers={"x-ft-unit": f"user {uuid4()}"},
            )
        except APIError as error:
            raise ProviderError(f"the gateway gave no answer: {error.message}") from error
        content = reply.parse().choices[0].message.content or ""
        return Answer(reply.headers["x-ft-call-id"], content)

    def approve(self, answer: Answer) -> None:
        """Say that an answer was good."""
        self._feedback({"call_id": answer.call_id, "thumb": "up"})

    def score(self, answer: Answer, metric: str, value: float) -> None:
        """Say how good an answer was."""
        self._feedback({"call_id": answer.call_id, "metrics": {metric: value}})

    def _feedback(self, body: dict[str, object]) -> None:
        reply = self._gateway.post("/v1/feedback", json=body)
        if reply.is_error:
            raise ProviderError(f"the gateway took no feedback: {reply.text}")
