"""Text for training language models: sources, tokenizers, parts that do not leak, windows.

`prepare("stdlib", vocab_size=512)` gives a `Corpus`, cached by content; `Corpus.windows` gives what
a network is fed with.
"""

from __future__ import annotations

from hwbench.data.text.build import cache_folder, prepare
from hwbench.data.text.corpus import Corpus, Windows, bits_per_byte
from hwbench.data.text.sources import (
    STDLIB,
    Document,
    FileSource,
    FolderSource,
    HuggingFaceSource,
    TextSource,
    open_source,
)
from hwbench.data.text.split import PARTS, Part, Shares
from hwbench.data.text.tokenizer import (
    BytePairTokenizer,
    ByteTokenizer,
    Tokenizer,
    TokenizerKind,
    train_tokenizer,
)

__all__ = [
    "PARTS",
    "STDLIB",
    "BytePairTokenizer",
    "ByteTokenizer",
    "Corpus",
    "Document",
    "FileSource",
    "FolderSource",
    "HuggingFaceSource",
    "Part",
    "Shares",
    "TextSource",
    "Tokenizer",
    "TokenizerKind",
    "Windows",
    "bits_per_byte",
    "cache_folder",
    "open_source",
    "prepare",
    "train_tokenizer",
]
