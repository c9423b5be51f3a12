"""The commands of `ft-cli`, one file a group. They parse, call a facade, and print."""
