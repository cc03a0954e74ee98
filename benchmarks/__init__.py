"""Speed, measured as ratios to a stated limit within one run: `python -m benchmarks [name …]`."""
