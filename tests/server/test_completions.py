"""Text completions, asked by the real SDK, answered by llama.cpp and scored by transformers with a tiny model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from fine_tuning import ModelRegistry
from fine_tuning.server.server_config import ServerConfig
from tests.server.conftest import ALIAS, client_of, listening

PROMPT = "What is the capital of France?"
OTHER = "The invoice was paid twice"


def ask(client: OpenAI, **more: Any) -> Any:
    return client.completions.create(**{"model": ALIAS, "prompt": PROMPT, "temperature": 0, **more})


def texts(reply: Any) -> list[str]:
    return [choice.text for choice in reply.choices]


@pytest.fixture(scope="module")
def tokenizer(tiny_model_dir: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model_dir)


@pytest.fixture(scope="module")
def expected_logprobs(tiny_model_dir: Path) -> Callable[[list[int]], Any]:
    """The log probabilities at each place, of the shape (tokens, vocabulary)."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(tiny_model_dir, dtype="float32").eval()

    def compute(ids: list[int]) -> Any:
        with torch.inference_mode():
            return network(torch.tensor([ids])).logits[0].log_softmax(dim=-1)

    return compute


def test_create_with_extras_of_local_servers_samples_by_them(client: OpenAI) -> None:
    asked: dict[str, Any] = {"temperature": 1.5, "max_tokens": 12}
    for extra in ({"top_k": 1}, {"min_p": 1}):  # of one token there is no choice
        assert len({texts(ask(client, **asked, seed=seed, extra_body=extra))[0] for seed in (1, 2)}) == 1
    greedy = texts(ask(client, max_tokens=40))
    assert texts(ask(client, max_tokens=40, extra_body={"repetition_penalty": 1.0})) == greedy
    assert texts(ask(client, max_tokens=40, extra_body={"repetition_penalty": 9.0})) != greedy


def test_create_continues_a_text_with_exact_usage(client: OpenAI, tokenizer: Any) -> None:
    reply = ask(client)
    assert (reply.object, reply.model, reply.choices[0].finish_reason) == ("text_completion", ALIAS, "length")
    assert reply.id.startswith("cmpl-")
    count = len(tokenizer(PROMPT)["input_ids"])
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (count, 16)
    assert reply.usage.total_tokens == count + 16
    assert texts(ask(client)) == texts(reply)
    assert ask(client, max_tokens=3).usage.completion_tokens == 3
    nothing = ask(client, max_tokens=0)
    assert (texts(nothing), nothing.usage.completion_tokens, nothing.usage.prompt_tokens) == ([""], 0, count)


def test_create_token_ids_equal_their_text(client: OpenAI, tokenizer: Any) -> None:
    ids = [tokenizer(text)["input_ids"] for text in (PROMPT, OTHER)]
    assert texts(ask(client, prompt=ids[0])) == texts(ask(client))
    several = ask(client, prompt=ids)
    assert texts(several) == texts(ask(client, prompt=[PROMPT, OTHER]))
    assert texts(several) == [*texts(ask(client)), *texts(ask(client, prompt=OTHER))]
    assert [choice.index for choice in several.choices] == [0, 1]
    assert several.usage.prompt_tokens == sum(map(len, ids))
    assert texts(ask(client, prompt=ids, echo=True)) == texts(ask(client, prompt=[PROMPT, OTHER], echo=True))


def test_create_empty_prompt_begins_a_text(client: OpenAI, tokenizer: Any) -> None:
    first = [tokenizer.bos_token_id]
    begun = ask(client, prompt=[first], logprobs=1)
    for empty in ("", None, [""]):
        reply = ask(client, prompt=empty, logprobs=1)
        assert (texts(reply), reply.usage.prompt_tokens) == (texts(begun), 1)
    assert texts(ask(client, prompt=["", PROMPT])) == [*texts(begun), *texts(ask(client))]
    for scored in ({"echo": True}, {"echo": True, "logprobs": 2}, {"echo": True, "logprobs": 2, "max_tokens": 0}):
        assert texts(ask(client, prompt="", **scored)) == texts(ask(client, prompt=first, **scored))


def test_create_n_and_seed_are_reproducible_and_counted(client: OpenAI, tokenizer: Any) -> None:
    sampled: dict[str, Any] = {"temperature": 1, "prompt": [PROMPT, OTHER], "n": 3, "best_of": 3, "max_tokens": 6}
    several = ask(client, **sampled, seed=5)
    assert texts(several) == texts(ask(client, **sampled, seed=5))
    assert [choice.index for choice in several.choices] == list(range(6))
    alone = [
        ask(client, temperature=1, seed=seed, prompt=text, max_tokens=6)
        for text in (PROMPT, OTHER)
        for seed in (5, 6, 7)
    ]
    assert texts(several) == [texts(reply)[0] for reply in alone]
    assert several.usage.completion_tokens == sum(reply.usage.completion_tokens for reply in alone)
    assert several.usage.prompt_tokens == sum(len(tokenizer(text)["input_ids"]) for text in (PROMPT, OTHER))


def test_create_stream_equals_the_complete_answer(client: OpenAI) -> None:
    asked: dict[str, Any] = {"prompt": [PROMPT, OTHER], "logprobs": 2, "echo": True, "max_tokens": 5, "seed": 1}
    whole = ask(client, **asked)
    chunks = list(ask(client, **asked, stream=True, stream_options={"include_usage": True}))
    for index, choice in enumerate(whole.choices):
        pieces = [each for chunk in chunks for each in chunk.choices if each.index == index]
        assert "".join(piece.text for piece in pieces) == choice.text
        scored = [piece.logprobs for piece in pieces if piece.logprobs]
        assert [offset for each in scored for offset in each.text_offset] == choice.logprobs.text_offset
        assert [token for each in scored for token in each.tokens] == choice.logprobs.tokens
        assert [piece.finish_reason for piece in pieces if piece.finish_reason] == [choice.finish_reason]
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert {(chunk.id, chunk.object) for chunk in chunks} == {(chunks[0].id, "text_completion")}


def test_create_stop_and_bias_are_followed(client: OpenAI, tokenizer: Any) -> None:
    whole = texts(ask(client))[0]
    stop = whole[5:8]
    cut = ask(client, stop=[stop]).choices[0]
    assert (cut.text, cut.finish_reason) == (whole[: whole.index(stop)], "stop")
    token = tokenizer(" refund", add_special_tokens=False)["input_ids"][0]
    assert texts(ask(client, logit_bias={str(token): 100}, max_tokens=3)) == [" refund" * 3]


def test_create_logprobs_belong_to_the_answer(
    client: OpenAI, tokenizer: Any, expected_logprobs: Callable[[list[int]], Any]
) -> None:
    choice = ask(client, prompt=OTHER, logprobs=3, max_tokens=4).choices[0]
    found = choice.logprobs
    assert choice.text.startswith("".join(found.tokens[:3]))
    ids = tokenizer(OTHER)["input_ids"]
    first = expected_logprobs(ids)[-1]
    assert found.token_logprobs[0] == pytest.approx(float(first.max()), abs=0.02)
    assert found.top_logprobs[0][found.tokens[0]] == found.token_logprobs[0]
    assert all(3 <= len(top) <= 4 for top in found.top_logprobs)
    assert found.text_offset[0] == len(OTHER)
    assert found.text_offset[1] == len(OTHER) + len(found.tokens[0])
    zero = ask(client, prompt=OTHER, logprobs=0, max_tokens=2, temperature=1, seed=3).choices[0].logprobs
    assert [list(top) for top in zero.top_logprobs] == [[token] for token in zero.tokens]


@pytest.mark.parametrize("max_tokens", [0, 1, 4])
@pytest.mark.parametrize("as_ids", [True, False])
def test_create_echo_with_logprobs_scores_the_prompts(
    client: OpenAI, tokenizer: Any, expected_logprobs: Callable[[list[int]], Any], max_tokens: int, as_ids: bool
) -> None:
    prompts = [PROMPT, OTHER, "Zażółć gęślą"]
    rows = [tokenizer(text)["input_ids"] for text in prompts]
    reply = ask(client, prompt=rows if as_ids else prompts, echo=True, logprobs=1, max_tokens=max_tokens)
    assert reply.usage.prompt_tokens == sum(map(len, rows))
    assert reply.usage.completion_tokens == 3 * max_tokens
    for choice, ids, text in zip(reply.choices, rows, prompts, strict=True):
        found, wanted, count = choice.logprobs, expected_logprobs(ids), len(ids)
        assert choice.text.startswith(text)
        assert (choice.text == text) == (max_tokens == 0)
        assert (found.token_logprobs[0], found.top_logprobs[0]) == (None, None)
        chosen = [float(wanted[place, token]) for place, token in enumerate(ids[1:])]
        assert found.token_logprobs[1:count] == pytest.approx(chosen, abs=1e-4)
        likeliest = [float(row.max()) for row in wanted[:-1]]
        assert [max(top.values()) for top in found.top_logprobs[1:count]] == pytest.approx(likeliest, abs=1e-4)
        assert found.text_offset[:count] == [
            len(tokenizer.decode(ids[:place]).rstrip("\ufffd")) for place in range(count)
        ]
        if max_tokens == 1:
            assert found.token_logprobs[count] == pytest.approx(float(wanted[-1].max()), abs=1e-4)
            assert choice.text == text + texts(ask(client, prompt=text, max_tokens=1))[0]
    parts = reply.choices[2].logprobs.tokens
    assert any(token.startswith("bytes:\\x") for token in parts)  # parts of characters


def test_create_echo_without_logprobs_puts_the_prompt_first(client: OpenAI) -> None:
    assert texts(ask(client, echo=True)) == [PROMPT + texts(ask(client))[0]]
    assert ask(client, echo=True).choices[0].logprobs is None


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"suffix": "end"}, "suffix"),
    ({"best_of": 2}, "best_of"),
    ({"n": 3, "best_of": 1}, "best_of"),
    ({"logprobs": 6}, "logprobs"),
    ({"prompt": []}, "prompt"),
    ({"prompt": [[5], []]}, "prompt"),
    ({"prompt": ["a"] * 200, "n": 16}, "n"),
    ({"prompt": "x " * 3000}, "prompt"),
    ({"prompt": "x " * 3000, "echo": True, "logprobs": 1, "max_tokens": 0}, "prompt"),
    ({"prompt": [5, 10**6]}, "prompt"),
    ({"prompt": [5, 10**6], "echo": True}, "prompt"),
    ({"prompt": [5, 10**6], "echo": True, "logprobs": 1}, "prompt"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"extra_body": {"party": 1}}, "party"),
    ({"model": "wordllama"}, "model"),
]


@pytest.mark.parametrize(("arguments", "param"), REFUSED, ids=[str(arguments)[:40] for arguments, _ in REFUSED])
@pytest.mark.parametrize("stream", [False, True])
def test_create_unsupported_parameter_returns_400(
    client: OpenAI, arguments: dict[str, Any], param: str, stream: bool
) -> None:
    if stream and "stream_options" in arguments:
        return
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, stream=stream, **arguments)
    body: Any = caught.value.body
    assert body["param"] == param


def test_create_unknown_model_returns_404(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=ALIAS):
        ask(client, model="gpt-3.5-turbo-instruct")


def test_create_ignores_user_and_closed_streams_stop_the_model(client: OpenAI) -> None:
    for _ in range(12):  # more than there are slots
        with ask(client, stream=True, max_tokens=400) as stream:
            next(iter(stream))
    assert texts(ask(client, user="u")) == texts(ask(client))


def test_create_fine_tuned_model_answers_and_is_scored_with_its_adapter(
    client: OpenAI, upload: Callable[..., str], finish: Callable[[str], Any], workspace: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings: Any = {"n_epochs": 4, "batch_size": 4, "learning_rate_multiplier": 50}
    job = finish(client.fine_tuning.jobs.create(model=ALIAS, training_file=upload(), hyperparameters=settings).id)
    model = job.fine_tuned_model
    assert texts(ask(client, model=model)) != texts(ask(client))
    asked: dict[str, Any] = {"echo": True, "logprobs": 1, "max_tokens": 1}
    found = ask(client, model=model, **asked).choices[0].logprobs
    assert found.token_logprobs[1:] != ask(client, **asked).choices[0].logprobs.token_logprobs[1:]
    folder = workspace / "artifacts" / job.id / "merged"
    ids = AutoTokenizer.from_pretrained(folder)(PROMPT, return_tensors="pt")["input_ids"]
    network = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    logits = network(ids).logits[0].detach().log_softmax(dim=-1)
    wanted = [float(logits[place, token]) for place, token in enumerate(ids[0, 1:])]
    assert found.token_logprobs[1:-1] == pytest.approx(wanted, abs=1e-3)
    checkpoint = client.fine_tuning.jobs.checkpoints.list(job.id).data[0].fine_tuned_model_checkpoint
    assert texts(ask(client, model=checkpoint))
    with pytest.raises(openai.BadRequestError, match="checkpoint") as caught:
        ask(client, model=checkpoint, **asked)
    body: Any = caught.value.body
    assert body["param"] == "echo"


def test_create_model_of_another_host_is_passed_on(
    client: OpenAI, address: str, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    registry = ModelRegistry()
    registry.register_model("away", ALIAS, "j", 1, provider=address, provider_model=ALIAS)
    registry.deploy_model("away")
    with listening(ServerConfig()) as second:
        asked: dict[str, Any] = {"prompt": [PROMPT, OTHER], "logprobs": 2, "max_tokens": 4}
        here, there = ask(client, **asked), ask(client_of(second), model="away", **asked)
        for one, other in zip(there.choices, here.choices, strict=True):
            assert (one.text, one.finish_reason) == (other.text, other.finish_reason)
            assert (one.logprobs.tokens, one.logprobs.text_offset) == (
                other.logprobs.tokens,
                other.logprobs.text_offset,
            )
            assert one.logprobs.token_logprobs == pytest.approx(other.logprobs.token_logprobs, abs=1e-3)
            assert [*map(set, one.logprobs.top_logprobs)] == [*map(set, other.logprobs.top_logprobs)]
        totals = [(each.usage.prompt_tokens, each.usage.completion_tokens) for each in (there, here)]
        assert totals[0] == totals[1]  # what the engine had cached may differ
        with pytest.raises(openai.BadRequestError, match="echo is not supported here"):
            ask(client_of(second), model="away", echo=True, logprobs=1)


@pytest.mark.parametrize("stream", [False, True])
def test_bias_on_a_token_that_the_model_does_not_have_is_refused(client: OpenAI, stream: bool) -> None:
    asked: Any = {"model": ALIAS, "max_tokens": 1, "logit_bias": {"5": 1, "99999999": 1}, "stream": stream}
    with pytest.raises(openai.BadRequestError, match="logit_bias has the token id 99999999; this model's ids are 0 to"):
        client.completions.create(prompt="a", **asked)
    with pytest.raises(openai.BadRequestError, match="logit_bias has the token id 99999999"):
        client.chat.completions.create(messages=[{"role": "user", "content": "a"}], **asked)


def test_token_id_that_the_model_does_not_have_is_refused(client: OpenAI) -> None:
    for prompt, param in (([10**9], "prompt"), ([[1], [2, 10**9]], "prompt[1]")):
        with pytest.raises(openai.BadRequestError, match=r"token id 1000000000; this model's ids are 0 to") as caught:
            ask(client, prompt=prompt, max_tokens=2)
        assert caught.value.param == param
