"""OpenAI's HTTP API over this workspace: files, fine-tuning jobs, models, chat, text completions, embeddings."""
