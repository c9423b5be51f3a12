"""Fine-tuning jobs: records, queue, worker process, local and hosted trainers."""
