"""Engines that answer a conversation with a model: llama.cpp or transformers here, OpenAI's API elsewhere."""
