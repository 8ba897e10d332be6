"""Filters over articles: comparisons of their fields, combined by and, or and not; the same in Python and as text.

    >>> from semsearch import field, parse_filter
    >>> parse_filter("source = Reuters and published >= 2024-05")
    >>> (field("source") == "Reuters") & (field("published") >= dt.date(2024, 5, 1))

The grammar; keywords in any case, space wherever it helps::

    filter      all ("or" all)*
    all         one ("and" one)*
    one         "not" one | "(" filter ")" | "has" FIELD | FIELD OPERATOR VALUE | FIELD ["not"] "in" "(" VALUE, ... ")"
    OPERATOR    =  !=  <  <=  >  >=
    FIELD       id, title, source, url, published (or date), or the name of a metadata field: section, section.name;
                metadata.title where it would be one of the others, "odd name" in quotes
    VALUE       a word, a number, true, false, a date (2024, 2024-05, 2024-05-17) or a text in quotes, '...' or "...",
                in which a doubled quote stands for one

What a comparison means:

- Text is compared without regard to case (Unicode's case folding, composed), in order of code points.
- A date without its day or month is the whole month or year: ``published > 2024`` is after that year.
- A number, date, ``true`` or ``false`` is compared with metadata of that kind, and with text that reads as one
  (``"350"``, ``"2024-05-17T10:00"``; ``"2024-05"`` counts as its first day); a number of four digits also with a text
  that is a date, as its year. Text in quotes is compared with text only.
- A list in the metadata matches if any of its elements does; a name in a path leads into an object, not into a list.
- What is missing matches no comparison. Missing is what is not there, null, or an empty text, list or object: what
  ``has`` does not find. ``!=`` is ``not ... =``, so it holds for what is missing.
"""

from __future__ import annotations

from semsearch.filters._asked import AskedFilterError, asked_filter
from semsearch.filters._fields import Field, field
from semsearch.filters._names import field_name
from semsearch.filters._parts import And, Comparison, Exists, Filter, Not, Or
from semsearch.filters._reading import parse_filter
from semsearch.filters._values import Period, Value, as_number, by_kind, day_of, fold, number_of, read_number

__all__ = [
    "And",
    "AskedFilterError",
    "Comparison",
    "Exists",
    "Field",
    "Filter",
    "Not",
    "Or",
    "Period",
    "Value",
    "as_number",
    "asked_filter",
    "by_kind",
    "day_of",
    "field",
    "field_name",
    "fold",
    "number_of",
    "parse_filter",
    "read_number",
]
