"""Management: routes for the owners and admins of a namespace. To add one: a file here and one line in ENDPOINTS."""
