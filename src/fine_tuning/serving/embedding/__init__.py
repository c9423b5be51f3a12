"""Embedding models: the static model inside a wheel, and folders of encoders."""
