"""Tiny sentence-transformers models of other kinds, with random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FAMILIES = ("bert", "roberta", "xlm-roberta", "mpnet", "distilbert")
HIDDEN = 32
POSITIONS = 150
PROMPTS = {"query": "ask: ", "document": "tell me: "}


def make_model(
    base: Path,
    folder: Path,
    family: str,
    *,
    pooling: str = "mean",
    limit: int = 120,
    dtype: str = "float32",
    spread: float = 0.3,
    tokenizer: Any = None,
    prompts: Mapping[str, str] = PROMPTS,
) -> Path:
    """Save a model of two layers in ``folder``, with the tokenizer of the one in ``base`` unless another is given.

    Args:
        base: The folder of the tiny model.
        folder: Where to save it.
        family: As transformers calls it.
        pooling: How tokens are pooled.
        limit: Tokens that it reads.
        dtype: What its weights are kept in.
        spread: Of the weights: with the usual 0.02 all texts have nearly the same vector, whatever is wrong.
        tokenizer: Another tokenizer.
        prompts: What is put before queries and documents.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import AutoConfig, AutoModel

    tokenizer = tokenizer or padding_with_1(base)
    names = ("dim", "n_layers", "n_heads", "hidden_dim")
    if family != "distilbert":
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    sizes = dict(zip(names, (HIDDEN, 2, 4, 64), strict=True))
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=spread,
        **sizes,
    )
    torch.manual_seed(3)
    model: Any = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    model = model.to(getattr(torch, dtype))
    model.save_pretrained(folder / "transformer")
    tokenizer.save_pretrained(folder / "transformer")
    module = modules.Transformer(str(folder / "transformer"), max_seq_length=limit)
    pooled = modules.Pooling(HIDDEN, pooling_mode=pooling)
    SentenceTransformer(modules=[module, pooled], prompts=dict(prompts), device="cpu").save(str(folder / "model"))
    return folder / "model"


def padding_with_1(base: Path, **options: object) -> Any:
    """The tokenizer of the model in ``base``, but that the padding has the number 1: MPNet's always has."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    state = json.loads((base / "tokenizer.json").read_text())
    state["model"]["vocab"] |= {"[PAD]": 1, "[UNK]": 0}
    state |= {"truncation": None, "padding": None, "added_tokens": []}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        pad_token="[PAD]",  # noqa: S106 - no password
        unk_token="[UNK]",  # noqa: S106
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
        **options,
    )


def unigram_tokenizer(texts: Sequence[str], pieces: int = 800) -> Any:
    """The tokenizer of XLM-RoBERTa and the multilingual models after it, with pieces that are fitted to ``texts``."""
    from tokenizers import Tokenizer, pre_tokenizers, trainers
    from tokenizers.models import Unigram
    from transformers import XLMRobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    fitted = Tokenizer(Unigram())
    fitted.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=pieces, special_tokens=special, unk_token=special[-1], show_progress=False
    )
    fitted.train_from_iterator(texts, trainer)
    vocabulary = [(piece, score) for piece, score in json.loads(fitted.to_str())["model"]["vocab"]]
    assert [piece for piece, _ in vocabulary[: len(special)]] == special
    return XLMRobertaTokenizer(vocab=[*vocabulary, ("<mask>", 0.0)])  # type: ignore[no-untyped-call]
