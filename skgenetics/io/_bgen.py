"""BGEN dosages (layout 2, versions 1.2 and 1.3), decoded column by column."""

import struct
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.io._genotypes import (
    Genotypes,
    VariantFields,
    sample_index,
    variants_frame,
)
from skgenetics.io._lines import read_lines
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

_UNCOMPRESSED, _ZLIB, _ZSTD = range(3)


class _Bgen:
    """A .bgen file that is opened anew at every read, so that it pickles.

    `blocks` (n_variants, 2) says where in the file each variant's probabilities begin, and how many
    bytes they have. `path` is absolute: a worker process may stand in another folder.
    """

    def __init__(self, path: str, n_samples: int, blocks: np.ndarray, compression: int) -> None:
        self.path, self.blocks, self.compression = path, blocks, compression
        self.shape = n_samples, len(blocks)

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = (np.ravel(index) for index in key)
        values = np.empty((len(rows), len(columns)), dtype=np.float32, order="F")
        with open(self.path, "rb") as file:
            for k, column in enumerate(columns):
                start, size = self.blocks[column].tolist()
                file.seek(start)
                block = file.read(size)
                try:
                    if len(block) < size:
                        raise ValueError("is cut off: the file is damaged")
                    data = _unpacked(block, self.compression)
                    values[:, k] = _dosages(data, self.shape[0])[rows]
                except ValueError as error:
                    raise ValueError(
                        f"{Path(self.path).name}: variant {column + 1} {error}."
                    ) from error
        return values


def read_bgen(
    path: PathLike, *, sample: PathLike | None = None, build: str | None = None
) -> Genotypes:
    """Open a BGEN file of version 1.2 or 1.3.

    Parameters
    ----------
    path : path-like
        The ``.bgen``.
    sample : path-like, optional
        The ``.sample`` with the IDs of people. By default the file of the same name, else the IDs
        inside the BGEN.
    build : str, optional
        Genome build of the positions, such as "GRCh37".

    Returns
    -------
    genotypes : Genotypes
        Expected dosages, float32 with NaN for missing, read when sliced. The file's second allele
        is counted and is the effect allele (the alternate if the reference comes first, as in
        UK Biobank). IDs are rsids if there are some, else the variant's other ID, else
        chr_pos_first_second. Haploid people have 0..2 too.

    Raises
    ------
    FileNotFoundError
        Where a file is missing.
    ValueError
        Where a file is damaged, or `sample` names another number of people. A variant of more than
        two alleles, or of people with more than two chromosomes, raises when it is sliced.

    Notes
    -----
    Opening visits every variant of the file once, without decoding it. zstd compression (PLINK 2's
    ``--export bgen-1.3``) needs zstandard, in the extra "bgen".

    References
    ----------
    Band and Marchini (2018), BGEN: a binary file format for imputed genotype and haplotype data,
    bioRxiv 308296; https://www.chg.ox.ac.uk/~gav/bgen_format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    index = _read_index(path)
    if sample is None and path.with_suffix(".sample").is_file():
        sample = path.with_suffix(".sample")
    family_ids = None
    if sample is not None:
        family_ids, sample_ids = _read_sample(Path(sample))
    elif index.sample_ids is not None:
        sample_ids = index.sample_ids
    else:
        raise ValueError(
            f"{path.name} does not name its people: pass the .sample file that belongs to it."
        )
    if len(sample_ids) != index.n_samples:
        raise ValueError(
            f"{path.name} holds {index.n_samples} people, but {Path(sample or path).name} names "
            f"{len(sample_ids)}: they are not of one set."
        )
    if index.compression == _ZSTD:
        import_optional("zstandard", extra="bgen")
    return Genotypes(
        _Bgen(str(path.absolute()), index.n_samples, index.blocks, index.compression),
        sample_index(family_ids, sample_ids),
        index.variants,
        counted_allele=f"second allele of {path.name}",
        source=path.name,
        build=build,
    )


class _File:
    """A file that raises EOFError rather than return too little."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size = file, file.seek(0, 2)
        file.seek(0)

    def seek(self, position: int) -> None:
        if not 0 <= position <= self.size:
            raise EOFError
        self.file.seek(position)

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def numbers(self, form: str) -> tuple:
        return struct.unpack(form, self.read(struct.calcsize(form)))

    def text(self, form: str) -> str:
        return self.read(*self.numbers(form)).decode()


class _Index(NamedTuple):
    """What a BGEN says outside of its probabilities."""

    n_samples: int
    compression: int
    sample_ids: list[str] | None
    blocks: np.ndarray  # (n_variants, 2) first byte and number of bytes of each
    variants: "pd.DataFrame"


def _read_index(path: Path) -> _Index:
    """Visit every variant of a file without decoding it."""
    with open(path, "rb") as opened:
        file, blocks, variants = _File(opened), [], []
        try:
            start, header_size, n_variants, n_samples, magic = file.numbers("<IIII4s")
            if magic not in (b"bgen", b"\0\0\0\0"):
                raise ValueError(f"{path.name} is not a BGEN file: it does not begin as one.")
            file.seek(header_size)  # the flags are the last of the header, which begins at 4
            (flags,) = file.numbers("<I")
            layout, compression = flags >> 2 & 15, flags & 3
            if layout != 2 or compression > _ZSTD:
                raise ValueError(
                    f"{path.name} is BGEN of layout {layout}, compression {compression}; expected "
                    "layout 2 (versions 1.2 and 1.3). PLINK 2 and QCTOOL rewrite it."
                )
            sample_ids = None
            if flags >> 31:
                _, n_ids = file.numbers("<II")
                sample_ids = [file.text("<H") for _ in range(n_ids)]
            file.seek(start + 4)
            for _ in range(n_variants):
                name, rsid, chromosome = (file.text("<H") for _ in range(3))
                position, n_alleles = file.numbers("<IH")
                first, *others = [file.text("<I") for _ in range(n_alleles)]
                (size,) = file.numbers("<I")
                blocks.append((opened.tell(), size))
                file.seek(opened.tell() + size)
                name = name if rsid in ("", ".") else rsid
                variants.append(VariantFields(chromosome, position, name, ",".join(others), first))
        except EOFError:
            raise ValueError(
                f"{path.name} is damaged: it ends after {len(blocks)} variants."
            ) from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{path.name} is damaged: {error.reason} in a name.") from error
    if not blocks:
        raise ValueError(f"{path.name} holds no variant.")
    return _Index(
        n_samples,
        compression,
        sample_ids,
        np.array(blocks, dtype=np.int64),
        variants_frame(variants, path.name),
    )


def _unpacked(block: bytes, compression: int) -> bytes:
    """Return a variant's bytes as they were before compression."""
    if compression == _UNCOMPRESSED:
        return block
    size, packed = int.from_bytes(block[:4], "little"), block[4:]
    try:
        if compression == _ZLIB:
            data = zlib.decompressobj().decompress(packed, size)
        else:
            zstandard = import_optional("zstandard", extra="bgen")
            data = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    except Exception as error:
        raise ValueError(f"cannot be unpacked, the file is damaged ({error})") from error
    if len(data) != size:
        raise ValueError("is damaged: it is not as long as it says")
    return data


def _dosages(data: bytes, n_samples: int) -> np.ndarray:
    """Return how many second alleles are expected, per two chromosomes, or raise ValueError.

    For two alleles, each person has as many numbers as chromosomes: unphased the probabilities of
    no and (diploid) of one second allele, phased those of each haplotype's first allele.
    """
    if len(data) < 10 + n_samples or int.from_bytes(data[:4], "little") != n_samples:
        raise ValueError("is damaged: it is not of as many people as the file")
    n_alleles = int.from_bytes(data[4:6], "little")
    if n_alleles != 2:
        raise ValueError(f"has {n_alleles} alleles; dosages need 2: split it, or leave it out")
    codes = np.frombuffer(data, np.uint8, n_samples, offset=8)
    missing, ploidy = codes >= 128, codes & 127
    if ploidy.min() < 1 or ploidy.max() > 2:
        raise ValueError(f"has {ploidy.min()} to {ploidy.max()} chromosomes; expected 1 or 2")
    phased, bits = bool(data[8 + n_samples]), data[9 + n_samples]
    p = _numbers(data[10 + n_samples :], int(ploidy.sum(dtype=np.int64)), bits)
    if ploidy.min() == 2:
        dosages = 2 - (1 if phased else 2) * p[::2] - p[1::2]
    else:
        start, diploid = np.cumsum(ploidy, dtype=np.int64) - ploidy, ploidy == 2
        second = np.where(diploid, p[start + diploid], 0)
        dosages = 2 - np.where(diploid & phased, 1, 2) * p[start] - second
    dosages[missing] = np.nan
    return dosages


def _numbers(packed: bytes, count: int, bits: int) -> np.ndarray:
    """Return `count` probabilities of `bits` bits each, packed from the lowest bit on."""
    if not 1 <= bits <= 32 or len(packed) != -(-count * bits // 8):
        raise ValueError(f"is damaged: it is not {count} probabilities of {bits} bits")
    if bits in (8, 16, 32):
        numbers = np.frombuffer(packed, f"<u{bits // 8}")
    else:
        single = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        numbers = single[: count * bits].reshape(count, bits) @ (1 << np.arange(bits))
    return numbers / (2**bits - 1)


def _read_sample(path: Path) -> tuple[list[str] | None, list[str]]:
    """Return the IDs of families, or None, and of people in an Oxford .sample file."""
    rows = [line.split() for line in read_lines(path) if line.strip()]
    if len(rows) < 3 or set(rows[1]) - set("0DCBP"):
        raise ValueError(
            f"{path.name} is not a .sample file: expected a header, a line of types (0 0 0 D ...), "
            "and one row per person."
        )
    header, _, *people = rows
    for number, row in enumerate(people, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{path.name}, row {number} has {len(row)} fields, the header has {len(header)}."
            )
    if len(header) > 1 and header[1] == "ID_2":
        return [row[0] for row in people], [row[1] for row in people]
    return None, [row[0] for row in people]
