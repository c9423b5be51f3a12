"""Workflows over several facades: pipeline, relocation, account export, demo, backup and doctor."""
