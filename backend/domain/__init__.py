"""What is true of a job wherever it runs: states, policy, prompts, errors. Standard library only."""
