"""Model versions: registration, deployment and its gates, retirement, lineage, exchange with other registries."""
