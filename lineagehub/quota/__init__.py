"""Rates and amounts: how fast a caller may do something. Called by the web; knows neither HTTP nor where limits are set."""
