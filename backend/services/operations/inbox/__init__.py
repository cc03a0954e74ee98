"""What operators do with many deliveries at once. Start at `replay_all`; one alone is `lifecycle`'s."""
