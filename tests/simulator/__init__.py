"""The simulator's own promises, over real HTTP. What it promises is what the rest of the suite stands on."""
