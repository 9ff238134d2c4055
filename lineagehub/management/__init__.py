"""What somebody may do to namespaces, keys, limits and a namespace's data, one file a thing: wait for what it needs, audit, do it.

Called by the web and by commands, which know who asks. Knows neither HTTP nor the command line.
"""
