"""Who you are: API keys, principals, and the directory of namespaces and keys that web and agents hold in memory."""
