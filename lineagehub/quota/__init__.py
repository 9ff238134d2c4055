"""How much a namespace and a key may send and read: rates and who shares them, the day's usage and its limit. Knows no HTTP."""
