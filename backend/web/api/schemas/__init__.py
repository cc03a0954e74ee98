"""What the API is given and what it answers, as pydantic models: /api/openapi.json is made of them.

May import `domain`, `catalogue` and the enums of `services`. Start with `base`; one file a subject. Answers
are made as plain dictionaries beside the routes; the tests hold every one of them to its model here.
"""
