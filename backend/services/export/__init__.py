"""Takes on their way out: files as a ZIP, contact sheets, tables of data; made while they are sent.

Changes nothing. Start with the module of the format.
"""
