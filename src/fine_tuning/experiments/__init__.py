"""A/B tests whose verdicts may be looked at as often as one likes."""
