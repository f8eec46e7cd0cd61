import gzip
import re

import numpy as np
import pytest

from skgenetics.io import match_samples, read_expression

pd = pytest.importorskip("pandas")

PEOPLE = ["p1", "p2", "p3"]
GENES = ["ENSG1.2", "ENSG2", "ENSG3"]
# people x genes; -9 is a value like any other, log2 of TPM + 2**-9 where TPM is 0
VALUES = np.array([[1.5, -9.0, 0.0], [2.25, np.nan, -1e-3], [3.0, 4.0, 5.0]])


def cell(value):
    return "NA" if np.isnan(value) else repr(float(value))


def rows_of_genes(before):
    return "".join(
        "\t".join([*before(k), *map(cell, VALUES[:, k])]) + "\n" for k in range(len(GENES))
    )


def bed(**_):
    header = "\t".join(["#chr", "start", "end", "gene_id", *PEOPLE])
    return f"{header}\n" + rows_of_genes(lambda k: ["chr1", f"{10 * k}", f"{10 * k + 1}", GENES[k]])


def qtltools_bed():
    header = "\t".join(["#Chr", "start", "end", "pid", "gid", "strand", *PEOPLE])
    return f"{header}\n" + rows_of_genes(lambda k: ["chr1", "5", "9", GENES[k], "group", "-"])


def gct(extra=()):
    header = "\t".join([*extra, "Name", "Description", *PEOPLE])
    body = rows_of_genes(lambda k: [*(["7"] * len(extra)), GENES[k], f"S{k}"])
    return f"#1.2\n3\t3\n{header}\n{body}"


def table(separator, first="gene_id"):
    rows = [[first, *PEOPLE], *([g, *map(cell, v)] for g, v in zip(GENES, VALUES.T))]
    return "".join(separator.join(row) + "\n" for row in rows)


def upright(separator, first=("IID",)):
    rows = [[*first, *GENES]]
    rows += [[*["0"] * (len(first) - 1), p, *map(cell, v)] for p, v in zip(PEOPLE, VALUES)]
    return "".join(separator.join(row) + "\n" for row in rows)


FILES = {
    "gtex.expression.bed": bed(),
    "qtltools.bed": qtltools_bed(),
    "tpm.gct": gct(),
    "v8.gct": gct(extra=["id"]),
    "genes.csv": table(","),
    "genes.txt": table(" ", "Gene"),
    "people.csv": upright(","),
    "people.tsv": upright("\t", ("#FID", "IID")),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_gives_the_same_matrix(tmp_path, name, packed):
    path = tmp_path / (name + ".gz" * packed)
    data = FILES[name].encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    expression = read_expression(path)
    np.testing.assert_array_equal(expression.data, VALUES)
    assert expression.samples.tolist() == [("0", person) for person in PEOPLE]
    assert expression.genes["gene_id"].tolist() == GENES
    assert expression.tissues is None
    chosen = read_expression(path, genes=["ENSG3", "ENSG1.2"])
    np.testing.assert_array_equal(chosen.data, VALUES[:, [2, 0]])
    assert chosen.genes["gene_id"].tolist() == ["ENSG3", "ENSG1.2"]


def test_what_is_known_of_genes(write):
    genes = read_expression(write(FILES["gtex.expression.bed"], "a.bed")).genes
    assert genes["chromosome"].tolist() == ["chr1"] * 3
    assert genes["start"].tolist() == [1, 11, 21]  # BED counts from 0
    assert genes["end"].tolist() == [1, 11, 21]
    assert genes["strand"].isna().all()
    genes = read_expression(write(FILES["qtltools.bed"], "a.bed")).genes
    assert genes["strand"].tolist() == ["-"] * 3
    genes = read_expression(write(FILES["tpm.gct"], "a.gct")).genes
    assert genes["symbol"].tolist() == ["S0", "S1", "S2"]
    assert genes["start"].isna().all()


@pytest.mark.parametrize("genes_in_rows", [False, True])
@pytest.mark.parametrize("as_index", [False, True])
def test_parquet(tmp_path, genes_in_rows, as_index):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(VALUES, index=pd.Index(PEOPLE, name="IID"), columns=GENES)
    if genes_in_rows:
        frame = frame.T.rename_axis(index="gene_id")
    path = tmp_path / "x.parquet"
    (frame if as_index else frame.reset_index()).to_parquet(path)
    expression = read_expression(path)
    np.testing.assert_array_equal(expression.data, VALUES)
    assert expression.genes["gene_id"].tolist() == GENES
    assert expression.samples.get_level_values("IID").tolist() == PEOPLE
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"x\.parquet is not a readable parquet"):
        read_expression(path)
    frame.astype(str).to_parquet(path)
    with pytest.raises(ValueError, match="does not hold numbers"):
        read_expression(path)


def test_several_tissues_make_a_tensor_with_holes(write):
    whole = write(FILES["gtex.expression.bed"], "liver.bed")
    other = write("gene\tp9\tp2\nENSG3\t7\t8\nENSG9\t-1\t-2\n", "blood.tsv")
    expression = read_expression({"liver": whole, "blood": other})
    assert expression.tissues == ["liver", "blood"]
    assert expression.samples.get_level_values("IID").tolist() == [*PEOPLE, "p9"]
    assert expression.genes["gene_id"].tolist() == [*GENES, "ENSG9"]
    assert expression.genes["start"].tolist()[:3] == [1, 11, 21]
    assert expression.genes["start"].isna()[3]
    expected = np.full((4, 4, 2), np.nan)
    expected[:3, :3, 0] = VALUES
    expected[3, [2, 3], 1] = [7, -1]
    expected[1, [2, 3], 1] = [8, -2]
    np.testing.assert_array_equal(expression.data, expected)
    part = read_expression({"liver": whole, "blood": other}, genes=["ENSG9", "ENSG2"])
    np.testing.assert_array_equal(part.data, expected[:, [3, 1]])
    positions, _ = match_samples(
        expression=expression.samples,
        other=pd.MultiIndex.from_tuples([("0", "p9"), ("0", "p1")], names=["FID", "IID"]),
    )
    assert positions["expression"].tolist() == [0, 3]


def test_it_fits_milage(write):
    from skgenetics import MILAGERegressor

    rng = np.random.default_rng(0)
    files = {}
    for tissue in ("a", "b"):
        names = [f"p{k}" for k in rng.permutation(40)[:30]]
        frame = pd.DataFrame(rng.normal(size=(30, 3)), index=pd.Index(names, name="IID"))
        files[tissue] = write(frame.add_prefix("g").to_csv(), f"{tissue}.csv")
    y = read_expression(files).data
    assert y.shape == (len(y), 3, 2)
    X = rng.integers(0, 3, (len(y), 5)).astype(float)
    model = MILAGERegressor(random_state=0).fit(X, y)
    assert model.predict(X).shape == y.shape


def test_samples_of_individuals(write):
    text = "gene\tGTEX-1117F-0226-SM-5GZZ7\tGTEX-111FC-0226-SM-5N9B8\ng\t1\t2\n"
    path = write(text)
    people = read_expression(path, individual_of="gtex").samples.get_level_values("IID")
    assert people.tolist() == ["GTEX-1117F", "GTEX-111FC"]
    owners = dict(zip(text.split("\n")[0].split("\t")[1:], ["x", "y"]))
    people = read_expression(path, individual_of=owners).samples.get_level_values("IID")
    assert people.tolist() == ["x", "y"]
    with pytest.raises(ValueError, match="does not say whose sample GTEX-1117F-0226"):
        read_expression(path, individual_of={})
    with pytest.raises(ValueError, match="individual_of must be 'gtex', a dict or None"):
        read_expression(path, individual_of="GTEx")
    path = write(text.replace("111FC", "1117F"))
    with pytest.raises(ValueError, match="individual GTEX-1117F comes more than once"):
        read_expression(path, individual_of="gtex")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.bed", "", "not a BED of phenotypes"),
        ("x.bed", bed().replace("#chr", "gene"), "not a BED of phenotypes"),
        ("x.bed", bed().split("\n")[0] + "\n", "3 people and 0 genes"),
        ("x.bed", bed().replace("\nchr1", "\n", 1), f"{GENES[0]} has no chromosome"),
        ("x.bed", bed().replace("\t10\t", "\t1o\t"), "start or end of ENSG2 is '1o'"),
        ("x.bed", bed().replace("\tNA", ""), "row 2 has 6 fields, the header has 7"),
        ("x.bed", bed().replace("\tNA", "\tx"), "column 'p2' of ENSG2 is 'x'; expected a number"),
        ("x.bed", re.sub(r"\t(gene_id|ENSG\d)", "", bed()), "'p1', must hold IDs of genes"),
        ("x.bed", bed().replace("ENSG3", "ENSG2"), "gene ENSG2 comes more than once"),
        ("x.bed", bed().replace("p3", "p1"), "more than one column named 'p1'"),
        ("x.gct", gct().replace("#1.2", "#1.3"), "not GCT 1.2"),
        ("x.gct", gct().replace("Name", "Id"), "not GCT 1.2"),
        ("x.gct", gct()[: gct().index("ENSG3")], "holds 2 rows and 3 samples, but .* says 3 and 3"),
        ("x.gct", gct().replace("3\t3", "x"), "says x: it is damaged"),
        ("x.csv", "gene\nA\n", "0 people and 1 genes"),
        ("x.csv", "IID\nA\n", "1 people and 0 genes"),
        ("x.csv", "gene,a\n,1\n", "has a gene without a name"),
        ("x.csv", "", "is empty"),
        ("x.vcf", "a", r"expected \.bed, \.gct, \.parquet"),
    ],
)
def test_bad_files(write, name, text, message):
    with pytest.raises(ValueError, match=message):
        read_expression(write(text, name))


def test_other_bad_input(write, tmp_path):
    path = write(bed(), "x.bed")
    with pytest.raises(ValueError, match=r"Gene ENSG1 \(2 of the 3 asked for\) is in none of"):
        read_expression(path, genes=["ENSG1", "ENSG2", "ENSG7"])
    with pytest.raises(ValueError, match="expected at least one tissue"):
        read_expression({})
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.bed"):
        read_expression(tmp_path / "none.bed")


def test_versions_of_a_gene_are_joined_and_said(write):
    head = "#chr\tstart\tend\tgene_id\t"
    first = write(head + "P1\tP2\n1\t99\t100\tENSG00000000001.5\t1\t2\n", "a.bed")
    second = write(head + "P1\tP2\n1\t99\t100\tENSG00000000001.6\t3\t4\n", "b.bed")
    with pytest.warns(UserWarning, match="ENSG00000000001.6 and ENSG00000000001.5: they count as"):
        both = read_expression({"liver": first, "lung": second})
    assert both.genes["gene_id"].tolist() == ["ENSG00000000001.5"]
    np.testing.assert_array_equal(both.data, [[[1.0, 3.0]], [[2.0, 4.0]]])
    with pytest.warns(UserWarning, match="another Ensembl version than asked for"):
        asked = read_expression(first, genes=["ENSG00000000001"])
    assert asked.genes["gene_id"].tolist() == ["ENSG00000000001"]


@pytest.mark.parametrize("title", ["", "Name"])
def test_genes_of_ensembl_are_in_rows_whatever_their_column_is_called(tmp_path, title):
    genes, people = ["ENSG00000000003.14", "ENSG00000000005"], ["HG1", "HG2", "HG3"]
    path = tmp_path / "x.tsv"
    lines = ["\t".join([title, *people]), f"{genes[0]}\t1\t2\t3", f"{genes[1]}\t4\t5\t6"]
    path.write_text("\n".join(lines) + "\n")
    expression = read_expression(path)
    assert expression.samples.get_level_values("IID").tolist() == people
    assert expression.genes["gene_id"].tolist() == genes
    np.testing.assert_array_equal(expression.data, [[1, 4], [2, 5], [3, 6]])
    turned = pd.DataFrame(expression.data, index=pd.Index(people), columns=genes)
    turned.to_csv(path, sep="\t")
    np.testing.assert_array_equal(read_expression(path).data, expression.data)
