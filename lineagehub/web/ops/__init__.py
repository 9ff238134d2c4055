"""Operations: health, readiness, metrics, the documentation and what problems mean. None of it asks for a key.

To add a page: a file here and a line in endpoints/operations.py.
"""
