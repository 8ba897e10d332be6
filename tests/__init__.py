"""The tests of semsearch. Run them with ``make test``."""
