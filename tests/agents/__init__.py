"""The server that language models ask, asked by the SDK's own client."""
