"""Labels from a teacher: a big model's answers to prompts that have none, each paid for once."""
