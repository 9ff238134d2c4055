"""Speed, measured and never asserted: `python -m tests.bench NAME`. README.md says how, and what was measured."""
