"""A response as it is before its answer: what was asked for."""

from __future__ import annotations

from fine_tuning.server.response_request import ResponseRequest
from fine_tuning.server.response_tools import FunctionTool
from fine_tuning.serving.wires import response_objects
from fine_tuning.serving.wires.response_objects import Response


def begun(body: ResponseRequest) -> Response:
    """A response without an answer yet."""
    text = {} if body.text is None else body.text.model_dump(by_alias=True, exclude_none=True)
    choice = body.tool_choice
    response: Response = {
        **response_objects.begun(body.model),
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {"effort": None, "summary": None, **(body.reasoning or {})},
        "safety_identifier": body.safety_identifier,
        "store": body.is_stored,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": {"format": {"type": "text"}, **text},
        "tool_choice": "auto" if choice is None else choice if isinstance(choice, str) else choice.model_dump(),
        "tools": [tool.shown() for tool in body.tools or [] if isinstance(tool, FunctionTool)],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "truncation": body.truncation or "disabled",
        "user": body.user,
    }
    if body.conversation_id is not None:
        response["conversation"] = {"id": body.conversation_id}
    return response
