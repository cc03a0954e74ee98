"""What takes cost before they are paid: rules, their examples, and what is no rule."""
