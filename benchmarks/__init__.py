"""The benchmarks of semsearch. Run them with ``python -m benchmarks.NAME --help``; ``make bench`` runs a short one."""
