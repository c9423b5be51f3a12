"""Answers in the words of the APIs that applications speak: objects, and the events of their streams."""
