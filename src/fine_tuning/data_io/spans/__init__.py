"""Spans of calls of models: how they are stored, and the conventions by which their attributes are named."""
