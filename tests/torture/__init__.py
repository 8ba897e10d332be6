"""What an index must survive: ``docs/reliability.md`` lists the promises.

``make check`` runs a short version of each; ``make torture`` the long one, and keeps its figures.
"""
