"""What a press sends, seen before it is paid: the template and its variables, the prompts, takes of the same."""
