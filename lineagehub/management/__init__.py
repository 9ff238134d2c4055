"""What somebody may do to a namespace's data, one file an action: wait for what it needs, write the audit entries, do it.

Called by the web and by commands, which know who asks. Knows neither HTTP nor the command line.
"""
