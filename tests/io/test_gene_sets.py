import gzip

import pytest

from skgenetics.io import read_gene_sets


@pytest.mark.parametrize("end", ["\n", "\r\n", "\t\t\n", "\n\n"])
def test_sets_keep_their_genes_once_each(write, end):
    text = "A\thttp://a\tTP53\tKRAS\tTP53\nB set\t\tMYC\n".replace("\n", end)
    assert read_gene_sets(write(text)) == {"A": ["TP53", "KRAS"], "B set": ["MYC"]}


def test_hallmark_sets(shared):
    (path,) = (shared / "data" / "gene_sets").glob("*.gmt*")
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    sets = read_gene_sets(path)
    assert len(sets) == 50
    for line in text.splitlines():
        name, _, *genes = line.split("\t")
        assert sorted(sets[name]) == sorted(set(genes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("A b c\n", "line 1 has 1 fields; expected the name of a set"),
        ("A\tx\tg\nB\tx\t\t\n", "line 2 has 4 fields"),
        ("\tx\tg\n", "line 1 has 3 fields; expected the name"),
        ("A\tx\tg\nA\tx\th\n", "line 2: there is another set 'A'"),
    ],
)
def test_bad_sets(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_gene_sets(write(text))
