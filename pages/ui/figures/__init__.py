"""Rows as tables and numbers as charts, without pandas, which stays in memory once a page has asked for it.

Imports streamlit and components. Start in `tables`.
"""
