"""How looks at jobs get run: carriers and the worker around them."""
