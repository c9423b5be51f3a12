"""Classifier heads: models of milliseconds for answers that are labels, or JSON of labels and copied spans."""
