"""People, by the access tokens of one OpenID Connect issuer: its keys, what a token must be, and what groups may do.

The web's authentication (web/middleware/auth.py) calls People; nothing here knows HTTP requests, and nothing decides about API keys.
"""
