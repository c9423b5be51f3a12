"""The catalogue of base models: a name becomes a folder of local files."""
