"""How much a namespace and a key may send and read: rates, and who shares them. Used by the web; knows no HTTP."""
