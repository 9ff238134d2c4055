"""Webhooks: where they may lead, what is sent there, and sending it. Used by the agent `alerts` and by the web's test of a webhook."""
