"""Grade answers through `ft-cli serve` with the openai package alone.

    ft-cli serve --alias gpt-4o-mini=smollm2-135m-instruct
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=any python examples/graders_with_openai_client.py

The reward of an answer is what reinforcement fine-tuning would train on: most of it for the right number, the rest for
words that are close to the reference.
"""

from __future__ import annotations

import sys

import typer
from openai import OpenAI, OpenAIError
from openai.types.graders import MultiGraderParam, StringCheckGraderParam, TextSimilarityGraderParam

RIGHT: StringCheckGraderParam = {
    "type": "string_check",
    "name": "right",
    "input": "{{ sample.output_json.invoice }}",
    "reference": "{{ item.invoice }}",
    "operation": "eq",
}
CLOSE: TextSimilarityGraderParam = {
    "type": "text_similarity",
    "name": "close",
    "input": "{{ sample.output_json.note }}",
    "reference": "{{ item.note }}",
    "evaluation_metric": "rouge_1",
}
ITEM = {"invoice": 1042, "note": "paid in full"}
ANSWERS = ['{"invoice": 1042, "note": "paid in part"}', '{"invoice": 7, "note": "paid in full"}', "invoice 1042"]


def main() -> None:
    """Check a grader, and grade three answers by it."""
    # The SDK types `graders` as one grader; the API takes several by name.
    graders: object = {"right": RIGHT, "close": CLOSE}
    reward: MultiGraderParam = {
        "type": "multi",
        "name": "reward",
        "graders": graders,  # type: ignore[typeddict-item]
        "calculate_output": "0.7 * right + 0.3 * close",
    }
    with OpenAI() as client:
        client.fine_tuning.alpha.graders.validate(grader=reward)
        for answer in ANSWERS:
            found = client.fine_tuning.alpha.graders.run(grader=reward, model_sample=answer, item=ITEM)
            if found.metadata.errors.sample_parse_error:
                print(f"no reward, the answer is no JSON: {answer}")
            else:
                print(f"{found.reward:.2f} {found.sub_rewards}: {answer}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except OpenAIError as error:  # expected, such as a server that is not running: one line, no traceback
        sys.exit(str(error))
