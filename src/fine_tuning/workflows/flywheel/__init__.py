"""The standing loop of a route: label, build, bake off, gate, shadow and canary, whenever its policy says so."""
