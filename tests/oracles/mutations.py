"""Damage to files, as fuzzers do it, and what a reader may say of it."""

import gzip

import numpy as np

TOKENS = [
    *(b"NA", b"", b"nan", b"inf", b"-inf", b"1e999", b"-1e999", b"1e-400", b"1e-99999999999999999"),
    *(b"-1", b"1.5", b"0", b"9" * 400, b"9" * 5000, b"99999999999999999999", b"1_0", b"0x10"),
    *(b"1e", b"1e5", b"text", b'"', b"'", b"#", b"##", b"=1+1", "é".encode(), b"\xff", b"\0"),
    *(b"\xef\xbb\xbf", "\u0663".encode(), "\u2028".encode(), b"\x85", b"\x0b", b"True", b"None"),
    *(b"chr1", b"X", b"23", b"A", b"<DEL>", b"A,T", b"-9", b".", b"1.0", b"-0", b"+5", b" "),
]


def damaged(rng, data):
    """Return `data` with one to three things wrong with it, each drawn at random."""
    for _ in range(rng.integers(1, 4)):
        data = _MUTATIONS[rng.integers(len(_MUTATIONS))](rng, data)
    return data


def complaint(call):
    """Return the sentence that `call` fails with, or None; any other failure passes through."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return None


def is_one_sentence(text):
    """Whether an error message is a sentence or two on one line, of bearable length."""
    return "\n" not in text and 10 < len(text) < 700 and text.rstrip().endswith((".", ")", "?"))


def _lines(change):
    """Make a mutation of a function of random numbers and of a list of lines."""

    def mutation(rng, data):
        lines = data.split(b"\n")
        change(rng, lines)
        return b"\n".join(lines)

    return mutation


def _place(rng, lines):
    return int(rng.integers(max(len(lines), 1)))


def _delete_line(rng, lines):
    del lines[_place(rng, lines)]


def _repeat_line(rng, lines):
    place = _place(rng, lines)
    lines.insert(place, lines[place])


def _swap_lines(rng, lines):
    one, other = _place(rng, lines), _place(rng, lines)
    lines[one], lines[other] = lines[other], lines[one]


def _empty_line(rng, lines):
    lines.insert(_place(rng, lines), b"")


def _fields(change):
    """Make a mutation of a function of random numbers and of the fields of one line."""

    def mutation(rng, lines):
        place = 0 if rng.random() < 0.3 else _place(rng, lines)
        mark = next((mark for mark in (b"\t", b",", b" ") if mark in lines[place]), b"\t")
        fields = lines[place].split(mark)
        change(rng, fields)
        lines[place] = mark.join(fields)

    return _lines(mutation)


def _token(rng, fields):
    fields[_place(rng, fields)] = TOKENS[rng.integers(len(TOKENS))]


def _copy_field(rng, fields):
    fields[_place(rng, fields)] = fields[_place(rng, fields)]


def _drop_field(rng, fields):
    del fields[_place(rng, fields)]


def _add_field(rng, fields):
    fields.insert(_place(rng, fields), TOKENS[rng.integers(len(TOKENS))])


def _cut_field(rng, fields):
    place = _place(rng, fields)
    fields[place] = fields[place][: rng.integers(len(fields[place]) + 1)]


def _column(rng, data):
    """Put one token into a whole column."""
    token, k = TOKENS[rng.integers(len(TOKENS))], int(rng.integers(8))
    lines = []
    for number, line in enumerate(data.split(b"\n")):
        mark = next((mark for mark in (b"\t", b",", b" ") if mark in line), b"\t")
        fields = line.split(mark)
        if number and k < len(fields):
            fields[k] = token
        lines.append(mark.join(fields))
    return b"\n".join(lines)


def _truncate(rng, data):
    return data[: rng.integers(len(data) + 1)]


def _flip(rng, data):
    changed = bytearray(data)
    for _ in range(rng.integers(1, 6) if data else 0):
        changed[rng.integers(len(data))] = rng.integers(256)
    return bytes(changed)


def _insert(rng, data):
    place = rng.integers(len(data) + 1)
    return data[:place] + TOKENS[rng.integers(len(TOKENS))] + data[place:]


def _other_marks(rng, data):
    marks = [b"\t", b",", b" ", b";", b"  ", b"\r\n", b"\r", b"\n", b'"', b"\n\n"]
    one, other = rng.choice(len(marks), 2, replace=False)
    count = -1 if rng.random() < 0.5 else int(rng.integers(1, 20))
    return data.replace(marks[one], marks[other], count)


def _pack(rng, data):
    packed = gzip.compress(data, mtime=0)
    return _flip(rng, packed) if rng.random() < 0.5 else _truncate(rng, packed)


_MUTATIONS = [
    *map(_lines, (_delete_line, _repeat_line, _swap_lines, _empty_line)),
    *map(_fields, (_token, _token, _copy_field, _drop_field, _add_field, _cut_field)),
    *(_column, _truncate, _flip, _insert, _other_marks, _pack),
    lambda rng, data: data.replace(b"\n", b"\r\n"),
    lambda rng, data: b"\xef\xbb\xbf" + data,
    lambda rng, data: data.decode("latin-1").encode("utf-16") if rng.random() < 0.2 else data,
    lambda rng, data: np.random.default_rng(rng).bytes(50) if rng.random() < 0.1 else data,
]
