"""The rows of summary statistics, as columns by their meaning."""

from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io._columns import Batch, NotPlain, Numbers
from skgenetics.io._sumstats_formats import Format
from skgenetics.io._sumstats_source import Source
from skgenetics.io._sumstats_values import (
    TINY,
    WORDS,
    BadRows,
    first_of_list,
    neg_log_10,
    taken_apart,
    to_numbers,
    to_words,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of, first_names

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_sumstats_rows(
    source: Source,
    form: Format | None,
    used: dict[str, str],
    extra: dict[str, str],
    strict: bool,
) -> "tuple[pd.DataFrame, list[str]]":
    """Return the rows of a table: columns in use by their meaning, and notes."""
    pd = import_optional("pandas", extra="dataframe")
    reader = _read(source, form, used, extra, strict)
    if not (reader.n_read or reader.bad.count or reader.n_of_other_tests or source.sample):
        raise ValueError(f"{source.name} has a header line only; expected one row per variant.")
    notes = reader.bad.finish(reader.n_read, len(source.header))
    notes = reader.check_tests() + notes
    frame = pd.DataFrame(reader.columns(), copy=False)
    frame.attrs["n_left_out"] = reader.bad.count
    return frame, notes


def _read(
    source: Source,
    form: Format | None,
    used: dict[str, str],
    extra: dict[str, str],
    strict: bool,
) -> "_Reader":
    """Return a reader that has all rows.

    Most files hold numbers where they should, which are parsed soonest; p-values are read as texts
    where one is so small that floats end, and all columns where a field is none.
    """
    numbers = {column for meaning, column in used.items() if meaning not in WORDS}
    numbers |= set(extra.values())
    numbers -= {column for meaning, column in used.items() if meaning in WORDS}
    without_p = numbers - {used.get("p_value", "")}
    for parsed in (frozenset(numbers), frozenset(without_p), None):
        reader = _Reader(source, form, used, extra, BadRows(source.name, strict), parsed)
        try:
            for batch in _ahead(source.batches(reader.wanted(), reader.bad.malformed, parsed)):
                reader.add(batch)
        except NotPlain:
            continue
        break
    return reader


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield batches; a thread unpacks and parses the next one meanwhile."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, batches, None)
            yield batch


class _Reader:
    """Turns batches of fields into columns, and remembers what was left out.

    With `numbers`, it takes these columns as PyArrow parsed them, and raises `NotPlain` at the
    first field that is none; otherwise it takes texts.
    """

    def __init__(
        self,
        source: Source,
        form: Format | None,
        used: dict[str, str],
        extra: dict[str, str],
        bad: BadRows,
        numbers: Numbers,
    ) -> None:
        self.name, self.used, self.extra, self.bad = source.name, used, extra, bad
        self.numbers = numbers
        kept = form.extra if form is not None else ()
        self.words = [column for column in kept if column in source.header]
        self.test = (form.test if form is not None else None) or "ADD"
        self.texts: dict[str, list[pa.Array]] = {}
        self.values: dict[str, array[float]] = {}
        self.n_read = self.n_of_other_tests = 0
        self.tests: set[str] = set()

    def wanted(self) -> list[str]:
        """Return the columns of the file that are read."""
        return [*dict.fromkeys([*self.used.values(), *self.extra.values(), *self.words])]

    def add(self, batch: Batch) -> None:
        """Take the rows of a batch."""
        is_plain = self.numbers is not None
        batch = self._of_the_test(batch if is_plain else self._without_headers(batch))
        n_rows = len(next(iter(batch.columns.values())))
        words: dict[str, Any] = {}
        numbers: dict[str, np.ndarray] = {}
        is_bad, of_p = np.zeros(n_rows, dtype=bool), None
        for meaning, column in (self.used | self.extra).items():
            texts = batch.columns[column]
            if meaning in WORDS and meaning not in self.extra:
                words |= _words(texts, meaning, is_plain)
                continue
            values, bad = to_numbers(texts, meaning)
            if is_plain and bad.any():
                raise NotPlain
            self.bad.add(batch, bad, meaning, texts)
            is_bad |= bad
            if meaning == "p_value":
                if column in (self.numbers or ()) and (values < TINY).any():
                    raise NotPlain
                of_p = neg_log_10(values, texts)
            numbers[meaning] = values
        if of_p is not None:
            given = numbers.get("neg_log_10_p_value")
            numbers["neg_log_10_p_value"] = (
                of_p if given is None else np.where(np.isnan(given), of_p, given)
            )
        for name in self.words:
            words[name] = to_words(batch.columns[name], "variant_id")
        if "base_pair_location" in words:  # inside an ID
            place = words.pop("base_pair_location")
            numbers["base_pair_location"], bad = to_numbers(place, "base_pair_location")
            is_bad |= bad
        if "effect_allele" in words and "ref_allele" in words:
            words.setdefault("other_allele", _other_allele(words))
        if "variant_id" in words:
            words["rsid"] = _rsids(words["variant_id"], words.get("rsid"))
        self._keep(words, numbers, ~is_bad)
        self.bad.n_values += int(is_bad.sum())
        self.n_read += n_rows - int(is_bad.sum())

    def _without_headers(self, batch: Batch) -> Batch:
        """Return a batch without header lines that are repeated in the middle of a table."""
        column = next((self.used[m] for m in ("effect_allele", "rsid") if m in self.used), None)
        if column is None:
            return batch
        pc = import_optional("pyarrow.compute", extra="dataframe")
        repeated = pc.equal(batch.columns[column], column)
        if not pc.any(repeated).as_py():
            return batch
        return _filtered(batch, pc.invert(repeated))

    def _of_the_test(self, batch: Batch) -> Batch:
        """Return the rows of the additive test."""
        if "test" not in self.used:
            return batch
        pc = import_optional("pyarrow.compute", extra="dataframe")
        tests = to_words(batch.columns[self.used["test"]], "test")
        self.tests |= {test for test in pc.unique(tests).to_pylist() if test}
        of_test = pc.fill_null(pc.equal(tests, self.test), False)
        self.n_of_other_tests += len(tests) - (pc.sum(of_test).as_py() or 0)
        return _filtered(batch, of_test)

    def check_tests(self) -> list[str]:
        """Return a note on rows of other tests; raise ValueError if all are."""
        if not self.n_of_other_tests:
            return []
        if self.test not in self.tests:
            tests = first_names(sorted(self.tests), 5) or "NA"
            raise ValueError(f"{self.name} has no row whose TEST is {self.test}, but {tests} only.")
        rows = count_of(self.n_of_other_tests, "row")
        verb = "was" if self.n_of_other_tests == 1 else "were"
        return [f"{self.name}: {rows} whose TEST is not {self.test} {verb} left out."]

    def _keep(
        self, words: "dict[str, pa.Array]", numbers: dict[str, np.ndarray], good: Any
    ) -> None:
        """Keep the good rows of a batch."""
        pa = import_optional("pyarrow", extra="dataframe")
        every = good.all()
        for meaning, texts in words.items():
            kept = texts if every else texts.filter(pa.array(good))
            self.texts.setdefault(meaning, []).append(kept)
        for meaning, values in numbers.items():
            kept = np.ascontiguousarray(values if every else values[good], dtype=float)
            # an array of Python grows where it lies, so that there is never a second copy
            self.values.setdefault(meaning, array("d")).frombytes(kept.data.cast("B"))

    def columns(self) -> "dict[str, Any]":
        """Return all columns."""
        pd = import_optional("pandas", extra="dataframe")
        pa = import_optional("pyarrow", extra="dataframe")
        if not (self.texts or self.values):  # no row, as of an empty region
            texts = {meaning: pd.array([], dtype="str") for meaning in self.used}
            return {m: texts[m] if m in WORDS else np.empty(0) for m in self.used}
        return {
            meaning: pd.array(pa.chunked_array(parts, pa.large_string()), dtype="str")
            for meaning, parts in self.texts.items()
        } | {meaning: np.frombuffer(values) for meaning, values in self.values.items()}


def _filtered(batch: Batch, rows: "pa.Array") -> Batch:
    """Return some rows of a batch."""
    return Batch({name: texts.filter(rows) for name, texts in batch.columns.items()}, batch.first)


def _words(texts: "pa.Array", meaning: str, has_nulls: bool) -> "dict[str, pa.Array]":
    """Return what a column of words says, by meaning."""
    pc = import_optional("pyarrow.compute", extra="dataframe")
    words = to_words(texts, meaning, has_nulls=has_nulls)
    if meaning == "test":
        return {}
    if meaning == "rsid":
        return {meaning: first_of_list(words)}
    if meaning == "chr_pos_ref_alt":
        parts = taken_apart(words)
        names = ("chromosome", "base_pair_location", "other_allele", "effect_allele")
        return {"variant_id": words} | {
            name: pc.utf8_upper(part) if "allele" in name else part
            for name, part in zip(names, parts.values(), strict=True)
        }
    return {meaning: words}


def _rsids(names: "pa.Array", rsids: "pa.Array | None") -> "pa.Array":
    """Return rsids, and where they are missing those among names of any kind."""
    pc = import_optional("pyarrow.compute", extra="dataframe")
    is_rsid = pc.fill_null(pc.starts_with(names, "rs"), False)
    named = names if pc.all(is_rsid).as_py() else pc.if_else(is_rsid, names, None)
    named = first_of_list(named)
    return named if rsids is None else pc.coalesce(rsids, named)


def _other_allele(words: "dict[str, pa.Array]") -> "pa.Array":
    """Return the allele of REF and ALT that is not the effect allele (PLINK 2)."""
    pc = import_optional("pyarrow.compute", extra="dataframe")
    counts_ref = pc.equal(words["effect_allele"], words["ref_allele"])
    return pc.if_else(counts_ref, words["alt_allele"], words["ref_allele"])
