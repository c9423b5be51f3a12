"""Graders: what scores one answer of a model, in the words of OpenAI's graders, for runs over HTTP and for training."""
