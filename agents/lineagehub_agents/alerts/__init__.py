"""The agent `alerts`: what is due (quota.py, dead_letters.py, agent_health.py), remembered (outbox.py) and sent (courier.py)."""
