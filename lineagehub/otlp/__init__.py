"""What web and agents both need to know of OTLP's messages."""
