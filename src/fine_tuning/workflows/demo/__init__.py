"""`ft-cli demo`: the loop with real weights, on a support inbox."""
