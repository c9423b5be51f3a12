"""A/B tests whose verdicts are valid at every look."""
