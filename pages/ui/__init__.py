"""What the pages share. Imports streamlit, and of the backend services, catalogue, models and domain.

Start with `context` (what every page is given), `shell` (what surrounds every page) and `text` (words).
"""
