"""From captured calls to a frozen dataset: validation, formats, near-duplicates, splits, files."""
