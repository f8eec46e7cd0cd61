"""A PLINK 1 .bed decoded two bits at a time, after the format's description."""

A1_COUNT = {0b00: 2, 0b10: 1, 0b11: 0, 0b01: -127}


def decode_bed(path, n_samples, n_variants):
    """Return dosages of A1 as a list of lists, samples x variants; -127 is missing."""
    data = path.read_bytes()[3:]
    width = (n_samples + 3) // 4
    return [
        [
            A1_COUNT[(data[variant * width + sample // 4] >> (2 * (sample % 4))) & 3]
            for variant in range(n_variants)
        ]
        for sample in range(n_samples)
    ]
