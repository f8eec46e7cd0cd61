"""BGEN 1.2 and 1.3 written number by number, from the format's specification."""

import struct
import zlib


def _text(text, size):
    data = text.encode()
    return len(data).to_bytes(size, "little") + data


def _probabilities(people, bits, phased):
    """Pack the probabilities of one variant: all but the last of each group, `bits` each."""
    numbers = []
    for person in people:
        for group in person if phased else [person]:
            numbers += [round(p * (2**bits - 1)) for p in group[:-1]]
    packed = sum(number << (bits * k) for k, number in enumerate(numbers))
    return packed.to_bytes((len(numbers) * bits + 7) // 8, "little")


def bgen_bytes(variants, *, sample_ids=None, bits=16, compress=zlib.compress):
    """Return a BGEN file of layout 2.

    `variants` are dicts of id, rsid, chromosome, position, alleles, phased, ploidy (a list),
    missing (a list) and probabilities: for each person all probabilities of unphased genotypes in
    the order of the format, or for each haplotype those of its alleles. `compress` is None, zlib's
    or zstd's.
    """
    n_samples = len(variants[0]["ploidy"])
    compression = 0 if compress is None else 1 if compress is zlib.compress else 2
    flags = compression | 2 << 2 | (sample_ids is not None) << 31
    header = struct.pack("<III4sI", 20, len(variants), n_samples, b"bgen", flags)
    names = b""
    if sample_ids is not None:
        body = b"".join(_text(name, 2) for name in sample_ids)
        names = struct.pack("<II", 8 + len(body), len(sample_ids)) + body
    blocks = [struct.pack("<I", len(header) + len(names)), header, names]
    for variant in variants:
        blocks += [_text(variant[key], 2) for key in ("id", "rsid", "chromosome")]
        blocks.append(struct.pack("<IH", variant["position"], len(variant["alleles"])))
        blocks += [_text(allele, 4) for allele in variant["alleles"]]
        ploidy = variant["ploidy"]
        data = struct.pack("<IHBB", len(ploidy), len(variant["alleles"]), min(ploidy), max(ploidy))
        data += bytes(p | (m << 7) for p, m in zip(ploidy, variant["missing"], strict=True))
        data += bytes([variant["phased"], bits])
        data += _probabilities(variant["probabilities"], bits, variant["phased"])
        if compress is not None:
            packed = compress(data)
            blocks.append(struct.pack("<II", len(packed) + 4, len(data)) + packed)
        else:
            blocks.append(struct.pack("<I", len(data)) + data)
    return b"".join(blocks)


def write_bgen(path, variants, **options):
    """Write a BGEN file of layout 2."""
    path.write_bytes(bgen_bytes(variants, **options))
