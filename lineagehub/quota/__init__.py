"""What a namespace may still send: usage as the quota agent has counted it, and the decision of web and agents."""
