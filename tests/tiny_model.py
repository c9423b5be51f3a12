"""A random llama of 112 thousand weights with a trained tokenizer; like SmolLM2 in everything but size and sense."""

from __future__ import annotations

from pathlib import Path

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>", "<empty_output>"]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SENTENCES = [
    "The invoice was paid twice, so the customer asked for a refund of 42 dollars.",
    "Please reset my password; the link in the email has expired and support has not answered.",
    "Classify the ticket as billing, technical, account or shipping, and answer with one word only.",
    "def total(prices): return sum(price * quantity for price, quantity in prices)",
    "The parcel left the warehouse on Monday 14 July 2025 and was delivered to the wrong address.",
    "A smaller model that does one job well is cheaper and faster than a large one that does everything.",
    "What is the capital of France? The capital of France is Paris, a city on the river Seine.",
    "Our application crashes with error code 503 whenever two users upload the same document.",
    "Zażółć gęślą jaźń. Der Fluß fließt über die Brücke. Où est la bibliothèque, s'il vous plaît ?",
    "You are a helpful assistant. Answer the question in a short and friendly way, without guessing.",
]


def make_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Write a random two-layer llama and its tokenizer to `folder` in Hugging Face's layout; the same for a seed."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = make_tiny_tokenizer()
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        initializer_range=0.2,  # wide enough that the likeliest token is clear in every precision
        tie_word_embeddings=True,
        dtype="bfloat16",
        **ids,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.generation_config = GenerationConfig(**ids)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tiny_tokenizer():  # the type needs transformers, which is imported only here
    """Byte-level BPE of about 600 tokens, trained on the sentences above, cutting text as SmolLM2 does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES * 2, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
