"""The registry: labels, gates, ends, lineage."""
