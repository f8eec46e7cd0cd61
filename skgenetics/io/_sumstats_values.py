"""Fields of summary statistics as numbers and words: what is missing, and what is none."""

from collections.abc import Sequence
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skgenetics.io._columns import Batch, Malformed, row_numbers
from skgenetics.io._lines import is_missing, missing_words
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pyarrow as pa

ALLELES = ("effect_allele", "other_allele", "ref_allele", "alt_allele")
IDS = ("rsid", "variant_id", "chr_pos_ref_alt")
WORDS = ("chromosome", "test", *IDS, *ALLELES)
_CHROMOSOMES = {"23": "X", "24": "Y", "25": "X", "26": "MT", "M": "MT", "XY": "X"}
_CHROMOSOMES |= {"PAR1": "X", "PAR2": "X"}
_NO_PLACE = ("0", "-9")  # of a variant without one, in PLINK and GEMMA
TINY = 1e-300  # below this, a p-value is read from its text
_FEW_BAD, _SHARE_BAD = 10, 0.05  # rows that may be bad before the table counts as misunderstood
_A_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_IS_BASE = np.isin(np.arange(256), np.frombuffer(b"ACGT", dtype=np.uint8))
_BASES = r"[ACGTNacgtn]+|[<*.-].*"

# meaning: lowest, highest, and what is expected
_RANGES = {
    "base_pair_location": (0, 2**31 - 1, "a position in base pairs"),
    "effect_allele_frequency": (0, 1, "a frequency from 0 to 1"),
    "odds_ratio": (0, np.inf, "a ratio, not negative (its logarithm is beta)"),
    "standard_error": (0, np.inf, "a standard error, not negative"),
    "p_value": (0, 1, "a p-value from 0 to 1 (-log10 p is neg_log_10_p_value)"),
    "neg_log_10_p_value": (0, np.inf, "-log10 of a p-value, not negative"),
    "n": (0, np.inf, "a number of people"),
    "n_cases": (0, np.inf, "a number of people"),
    "n_controls": (0, np.inf, "a number of people"),
}


class Problem(NamedTuple):
    """A row that cannot be read."""

    number: int  # from 1 below the header
    reason: str


class BadRows:
    """The rows of a table that are left out, with reasons.

    Parameters
    ----------
    name : str
        The file, for messages.
    strict : bool
        Whether the first one is an error.
    """

    def __init__(self, name: str, strict: bool) -> None:
        self.name, self.strict = name, strict
        self.malformed: list[Malformed] = []
        self.problems: list[Problem] = []
        self.n_values = 0  # rows with a value that is none

    @property
    def count(self) -> int:
        """Number of rows left out."""
        return len(self.malformed) + self.n_values

    def add(self, batch: Batch, bad: np.ndarray, meaning: str, texts: "pa.Array") -> None:
        """Note the rows of a batch that are `bad` because of one column."""
        rows = np.flatnonzero(bad)
        if not len(rows) or len(self.problems) > 2:
            return
        row = int(rows[0])
        number = row_numbers(batch.first, row + 1, self.malformed)[-1]
        expected = _RANGES.get(meaning, (0, 0, "a number"))[2]
        text = str(texts[row]).strip()[:40]
        reason = f"{meaning} in row {number} is {text!r}; expected {expected}, or NA"
        self.problems.append(Problem(number, reason))
        if self.strict:
            raise ValueError(f"{self.name}: {reason}.")

    def finish(self, n_good: int, n_columns: int) -> list[str]:
        """Return a sentence on what was left out; raise ValueError if it is too much."""
        problems = [
            Problem(
                row.number,
                f"row {row.number} has {row.n_fields} fields, the header has {n_columns}",
            )
            for row in self.malformed[:1]
        ]
        problems = sorted([*self.problems, *problems])
        if not problems:
            return []
        first = problems[0].reason
        n_rows = n_good + self.count
        if self.strict or not n_good or self.count > max(_FEW_BAD, _SHARE_BAD * n_rows):
            hint = (
                ". Fields are separated by TAB, comma, semicolon or spaces, one way in a file"
                if first.startswith("row")
                else ""
            )
            share = f" ({self.count:,} of {n_rows:,} rows are bad)" if self.count > 1 else ""
            raise ValueError(f"{self.name}: {first}{share}{hint}.")
        n = count_of(self.count, "row")
        verb = "was" if self.count == 1 else "were"
        return [f"{self.name}: {n} that cannot be read {verb} left out; the first: {first}."]


def to_words(texts: "pa.Array", meaning: str, *, has_nulls: bool = False) -> "pa.Array":
    """Return words of one column, null where they stand for nothing, written one way.

    `has_nulls` says that words for missing are null already.
    """
    pa = import_optional("pyarrow", extra="dataframe")
    pc = import_optional("pyarrow.compute", extra="dataframe")
    if not pa.types.is_large_string(texts.type):
        texts = texts.cast(pa.large_string())
    if meaning in IDS:
        if not has_nulls:
            texts = without_missing_words(texts)
        # bytes below "!" wrap around, and those beyond "~" may be spaces of Unicode
        may_be_spaces = _bytes_of(texts) - np.uint8(ord("!")) > ord("~") - ord("!")
        return pc.utf8_trim_whitespace(texts) if may_be_spaces.any() else texts
    if meaning in ALLELES and has_nulls and _IS_BASE[_bytes_of(texts)].all():
        return texts
    coded = texts.dictionary_encode()
    written = coded.dictionary.to_pylist()
    known = [_word(text, meaning) for text in written]
    return texts if known == written else pa.array(known, pa.large_string()).take(coded.indices)


def without_missing_words(texts: "pa.Array") -> "pa.Array":
    """Return texts, null where they are words for missing."""
    pa = import_optional("pyarrow", extra="dataframe")
    pc = import_optional("pyarrow.compute", extra="dataframe")
    words = pa.array(missing_words(), pa.large_string())
    lost = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), value_set=words)
    return pc.if_else(lost, None, texts)


def _bytes_of(texts: "pa.Array") -> np.ndarray:
    """Return all bytes of texts, and maybe some of their neighbors."""
    buffer = texts.buffers()[2]
    return np.frombuffer(b"" if buffer is None else buffer, dtype=np.uint8)


def _word(text: str | None, meaning: str) -> str | None:
    """Return a word written one way, or None if it stands for nothing."""
    if text is None or is_missing(text):
        return None
    text = text.strip().strip('"')
    if meaning == "chromosome":
        return None if text in _NO_PLACE else unify_chromosomes([text])[0]
    return text.upper() if meaning in ALLELES else text


def unify_chromosomes(values: Sequence[object]) -> list[str]:
    """Return names of chromosomes as :func:`read_sumstats` writes them.

    Parameters
    ----------
    values : sequence
        Names such as "chr1", "01", 1 or "23".

    Returns
    -------
    names : list of str
        Without "chr" and leading zeros; 23, 24, 25 and 26 are X, Y, X and MT.
    """
    known = {}
    for value in set(values):
        text = str(value)
        text = (text[3:] if text[:3].lower() == "chr" else text).upper()
        text = text.removesuffix(".0").lstrip("0") or text
        known[value] = _CHROMOSOMES.get(text, text)
    return [known[value] for value in values]


def to_numbers(texts: "pa.Array", meaning: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a column as float64, NaN where missing, and which fields are no number of its kind."""
    values, bad = _as_floats(texts)
    low, high, _ = _RANGES.get(meaning, (-np.inf, np.inf, ""))
    is_place = meaning == "base_pair_location"
    if len(values) and not bad.any():  # most columns need no second look
        least, most = np.fmin.reduce(values), np.fmax.reduce(values)
        is_whole = not is_place or (least > 0 and (values == np.floor(values)).all())
        if is_whole and -np.inf < least and low <= least and most <= high and most < np.inf:
            return values, bad
    missing = np.isinf(values)
    with np.errstate(invalid="ignore"):
        wrong = (values < low) | (values > high)
    if is_place:
        missing |= (values == 0) | (values == -9)
        wrong |= ~np.isnan(values) & (values != np.floor(values))
    bad = bad | (wrong & ~missing)
    lost = bad | missing
    return np.where(lost, np.nan, values) if lost.any() else values, bad


def _as_floats(texts: "pa.Array") -> tuple[np.ndarray, np.ndarray]:
    """Return a column as float64, NaN where missing, and which fields are no numbers."""
    pa = import_optional("pyarrow", extra="dataframe")
    pc = import_optional("pyarrow.compute", extra="dataframe")
    none = np.zeros(len(texts), dtype=bool)
    try:  # most columns are numbers throughout
        return _floats(texts.cast(pa.float64())), none
    except pa.ArrowInvalid:
        texts = pc.utf8_trim_whitespace(texts.cast(pa.large_string()))
    texts = without_missing_words(texts)
    bad = pc.invert(pc.match_substring_regex(texts, _A_NUMBER))
    values = _floats(pc.if_else(bad, None, texts).cast(pa.float64()))
    bad = pc.fill_null(bad, False).to_numpy(zero_copy_only=False).copy()
    for row in np.flatnonzero(bad).tolist():  # inf and nan in more spellings
        text = texts[row].as_py()
        bad[row] = not (text.isascii() and _is_float(text) and "_" not in text)
    return values, bad


def _floats(values: "pa.Array") -> np.ndarray:
    """Return an array of numbers as float64, NaN for null."""
    return values.to_numpy(zero_copy_only=False)


def _is_float(text: str) -> bool:
    """Whether Python reads a text as a float, maybe infinite or NaN."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def neg_log_10(p: np.ndarray, texts: "pa.Array") -> np.ndarray:
    """Return -log10 of p-values; those that floats cannot hold are read from their text."""
    with np.errstate(divide="ignore"):
        result = -np.log10(p)
    for row in np.flatnonzero(p < TINY).tolist():
        try:
            result[row] = -float(Decimal(str(texts[row]).strip()).log10())
        except DecimalException:
            result[row] = np.inf
    return result


def first_of_list(texts: "pa.Array") -> "pa.Array":
    """Return the first of the IDs that are listed with commas."""
    pc = import_optional("pyarrow.compute", extra="dataframe")
    if not (_bytes_of(texts) == ord(",")).any():
        return texts
    return pc.replace_substring_regex(texts, r",.*", "")


def taken_apart(names: "pa.Array") -> "dict[str, pa.Array]":
    """Return chromosome, position, ref and alt of IDs such as ``chr1:1000_A_G``, else null."""
    pa = import_optional("pyarrow", extra="dataframe")
    pc = import_optional("pyarrow.compute", extra="dataframe")
    pattern = (
        r"^(?:chr|CHR|Chr)?(?P<chromosome>[0-9]{1,2}|[XYM]|MT)[:_](?P<base_pair_location>[0-9]{1,9})"
        rf"(?:[:_](?P<ref_allele>{_BASES})[:_](?P<alt_allele>[ACGTNacgtn]+|<.*>|[*]))?(?:$|[:_;,].*)"
    )
    parts = pc.extract_regex(names, pattern)
    result = {}
    for k, meaning in enumerate(("chromosome", "base_pair_location", "ref_allele", "alt_allele")):
        field = pc.struct_field(parts, [k])
        result[meaning] = pc.if_else(pc.equal(field, ""), pa.scalar(None, pa.large_string()), field)
    return result
