"""Turning a trained model into the files other programs load."""
