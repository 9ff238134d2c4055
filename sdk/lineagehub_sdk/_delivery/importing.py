"""The lock that a thread of ours holds while it imports modules: a child forked meanwhile would wait for ever when it imports the same.

Whoever forks holds it (`_client`), and gives the child another one.
"""

from __future__ import annotations

import threading

lock = threading.Lock()
