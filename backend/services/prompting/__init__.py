"""From prompt and style to the text that is sent: the team's words and its template.

Start with `vocabulary.Vocabulary`.
"""
