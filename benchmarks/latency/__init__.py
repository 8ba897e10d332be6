"""What a query costs: from a cold shell and in an open index, by mode, by stage and by size, beside a plain script.

``python -m benchmarks.latency`` says how it is run.
"""
