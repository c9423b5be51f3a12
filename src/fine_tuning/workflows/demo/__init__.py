"""`ft-cli demo`: the whole loop on real weights, on a support inbox."""
