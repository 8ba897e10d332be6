"""Peers side by side: how well other libraries rank the same texts with the same model, each by its own documentation.

``python -m benchmarks.peers`` says how it is run, :mod:`benchmarks.peers.registry` who takes part. What makes it fair:

- Each peer runs in a virtual environment of its own, at exactly the versions of its ``requirements-NAME.txt``.
- Every peer is given ``articles``, as its quickstart has it (title and text, one document each; LlamaIndex splits them,
  as it does by default), and ``passages``, exactly those that semsearch embeds. An article counts by its best document.
- Every peer reads as many tokens of a text as it does when it is given the model's folder: 256, but txtai 512.
- Approximate indexes are set so that they miss next to nothing. Where a peer documents several ways to put dense and
  lexical search together, its default or first is ``hybrid``, and others stand beside it.

Vectors are made once, by sentence-transformers, and given to each peer by its own hook for vectors from elsewhere. That
changes how long a run takes, never how it ranks; what a peer costs is not measured here.
"""
