"""A fine-tuning job at OpenAI or any host with its API: python examples/hosted_job.py rows.jsonl [--model MODEL]

OPENAI_API_KEY is the key and OPENAI_BASE_URL the host (OpenAI where it is unset; `ft-cli serve` is one, too). The file
has a row `{"messages": [...]}` per line. The model that comes out is registered and deployed under one name.
"""

from __future__ import annotations

import os
import sys

import typer

from fine_tuning import FineTuningError, LLMService, ModelRegistry, OpenAIFineTuner

NAME = "hosted-model"


def main(path: str, model: str = "gpt-4.1-mini-2025-04-14", poll_seconds: float = 10.0) -> None:
    """Upload, train, register, deploy, call."""
    tuner = OpenAIFineTuner()
    file_id = tuner.upload_training_file(path)
    job = tuner.create_fine_tuning_job(model, file_id, suffix=NAME)
    job = tuner.wait_for_job(job["job_id"], poll_seconds=poll_seconds)
    if job["status"] != "succeeded":
        sys.exit(f"job {job['job_id']} has {job['status']}: {job['error']}")
    print(f"trained {job['fine_tuned_model']} on {job['trained_tokens']} tokens")

    registry = ModelRegistry()
    version = registry.register_job(NAME, job["job_id"])
    registry.deploy_model(NAME, version["version"])
    answer = LLMService(model=NAME, default_temperature=0).complete("Where is order 10001?", max_tokens=64)
    print(f"{NAME} v{version['version']} at {os.environ.get('OPENAI_BASE_URL', 'OpenAI')}: {answer['content']}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except FineTuningError as error:  # expected, such as a missing file: one line, no traceback
        sys.exit(str(error))
