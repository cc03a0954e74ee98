"""What people make of takes, as values: reviews, origins, orders.

The standard library alone. Start with `review.ReviewState`.
"""
