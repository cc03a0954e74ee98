"""What is known, kept. Functions take a session first and never commit; services open transactions."""
