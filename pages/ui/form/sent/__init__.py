"""What a press sends, seen before it is paid: template and variables, prompts, takes of the same inputs."""
