"""From an event to the other side: the queue, JSON, what waits in memory and on disk, and when the next attempt is."""
