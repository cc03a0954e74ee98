"""The pictures of docs/pictures and of the README, taken of the real dashboard: `make tour`. No tests."""
