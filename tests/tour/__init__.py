"""Pictures of docs/pictures and the README, taken of the real dashboard: `make tour`. No tests."""
