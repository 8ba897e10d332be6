"""The index in frameworks: retrievers for LangChain, LlamaIndex and Haystack, and a model of MTEB.

Each module needs the extra of its name, and is imported by nobody but who uses it: ``langchain``, ``llama_index``,
``haystack``, ``mteb``. What comes back is the same in all of them: ``docs/frameworks.md``.
"""
