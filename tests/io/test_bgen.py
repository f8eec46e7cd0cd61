import pickle
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skgenetics.io import read_bgen, read_genotypes
from tests.oracles.bgen import write_bgen
from tests.oracles.mutations import complaint, is_one_sentence

pd = pytest.importorskip("pandas")

N = 5


def variants():
    """Two diploid variants, unphased and phased, one with men haploid, one of three alleles."""
    rng = np.random.default_rng(0)
    common = {"alleles": ("G", "AT"), "ploidy": [2] * N, "missing": [0] * N, "chromosome": "01"}
    unphased = rng.dirichlet(np.ones(3), N).tolist()
    phased = rng.dirichlet(np.ones(2), (N, 2)).tolist()
    sexes = [rng.dirichlet(np.ones(3 - k % 2)).tolist() for k in range(N)]
    unphased_sexes = {"ploidy": [2 - k % 2 for k in range(N)], "probabilities": sexes}
    haplotypes = [rng.dirichlet(np.ones(2), 2 - k % 2).tolist() for k in range(N)]
    phased_sexes = {"ploidy": [2 - k % 2 for k in range(N)], "probabilities": haplotypes}
    three = rng.dirichlet(np.ones(6), N).tolist()
    return [
        common
        | {"id": "a", "rsid": "rs1", "position": 10, "phased": 0, "probabilities": unphased}
        | {"missing": [0, 0, 1, 0, 0]},
        common | {"id": "b", "rsid": "", "position": 20, "phased": 1, "probabilities": phased},
        common | {"id": "c", "rsid": "rs3", "position": 30, "phased": 0} | unphased_sexes,
        common | {"id": "", "rsid": ".", "position": 40, "phased": 1} | phased_sexes,
        common
        | {"id": "", "rsid": "rs5", "position": 50, "phased": 0, "alleles": ("A", "C", "T")}
        | {"probabilities": three},
    ]


def dosages():
    """What `variants` say of the second allele, two chromosomes each."""
    columns = []
    for variant in variants()[:4]:
        column = []
        for p, missing in zip(variant["probabilities"], variant["missing"]):
            if variant["phased"]:
                dosage = 2 * np.mean([haplotype[1] for haplotype in p])
            else:
                dosage = 2 * p[1] if len(p) == 2 else p[1] + 2 * p[2]
            column.append(np.nan if missing else dosage)
        columns.append(column)
    return np.array(columns).T


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "study.bgen"
    write_bgen(path, variants(), sample_ids=[f"p{k}" for k in range(N)])
    return path


@pytest.mark.parametrize("bits", [5, 8, 11, 16, 32])
@pytest.mark.parametrize("compress", [None, zlib.compress])
def test_dosages_of_the_second_allele(path, bits, compress):
    write_bgen(path, variants(), sample_ids="abcde", bits=bits, compress=compress)
    genotypes = read_bgen(path, build="GRCh37")
    assert genotypes.shape == (N, 5)
    assert genotypes.build == "GRCh37"
    assert genotypes.samples.get_level_values("IID").tolist() == list("abcde")
    # 2 numbers rounded to multiples of 1 / (2**bits - 1), the second weighs 2
    atol = 1.5 / (2**bits - 1) + 1e-6
    values = genotypes[:, :4]
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, dosages(), atol=atol, rtol=0)
    np.testing.assert_array_equal(genotypes[[3, 1], [2, 0]], values[[3, 1]][:, [2, 0]])
    with pytest.raises(ValueError, match="variant 5 has 3 alleles"):
        genotypes[:, 4]


def test_the_same_dosages_as_cbgen(path, tmp_path):
    cbgen = pytest.importorskip("cbgen")
    values = read_bgen(path)[:, :4]
    with cbgen.bgen_file(path) as bgen:
        bgen.create_metafile(tmp_path / "index")
        with cbgen.bgen_metafile(tmp_path / "index") as metafile:
            (offsets,) = (
                metafile.read_partition(k).variants.offset for k in range(metafile.npartitions)
            )
        genotypes = [bgen.read_genotype(offset) for offset in offsets[:4]]
    for k, weights in enumerate(([0, 1, 2], [0, 1, 0, 1], [0, 1, 2], [0, 1, 0, 1])):
        p, haploid = genotypes[k].probability, genotypes[k].ploidy == 1
        expected = np.where(haploid, 2 * p[:, 1], p @ weights)
        expected[genotypes[k].missing] = np.nan
        np.testing.assert_allclose(values[:, k], expected, atol=1e-6)


def test_names(path):
    frame = read_genotypes(path).variants
    assert frame["variant_id"].tolist() == ["rs1", "b", "rs3", "01_40_G_AT", "rs5"]
    assert frame["chromosome"].tolist() == ["01"] * 5
    assert frame["base_pair_location"].tolist() == [10, 20, 30, 40, 50]
    assert frame["effect_allele"].tolist() == ["AT"] * 4 + ["C,T"]
    assert frame["other_allele"].tolist() == ["G"] * 4 + ["A"]


def test_many_variants_keep_their_order(tmp_path):
    rng = np.random.default_rng(1)
    many = [
        variants()[0]
        | {"position": k + 1, "rsid": f"rs{k}", "probabilities": rng.dirichlet(np.ones(3), N)}
        for k in range(700)
    ]
    write_bgen(tmp_path / "x.bgen", many, sample_ids="abcde")
    genotypes = read_bgen(tmp_path / "x.bgen")
    assert genotypes.variants["variant_id"].tolist() == [f"rs{k}" for k in range(700)]
    expected = [many[k]["probabilities"] @ [0, 1, 2] for k in (650, 3)]
    np.testing.assert_allclose(
        genotypes.select(columns=[650, 3])[[0, 1, 3]], np.transpose(expected)[[0, 1, 3]], atol=1e-4
    )


def test_it_pickles_and_opens_from_any_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    part = read_bgen(path.name).select([4, 0], [1, 3])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_allclose(again[:, :], dosages()[np.ix_([4, 0], [1, 3])], atol=1e-4)


def test_sample_files(tmp_path, write):
    path = tmp_path / "study.bgen"
    write_bgen(path, variants())
    with pytest.raises(ValueError, match="does not name its people"):
        read_bgen(path)
    rows = "".join(f"F{k} I{k} 0 1\n" for k in range(N))
    beside = write("ID_1 ID_2 missing sex\n0 0 0 D\n" + rows, "study.sample")
    assert read_bgen(path).samples.tolist() == [(f"F{k}", f"I{k}") for k in range(N)]
    other = write("ID missing\n0 0\n" + "".join(f"J{k} 0\n" for k in range(N)), "other.sample")
    samples = read_bgen(path, sample=other).samples
    assert samples.get_level_values("IID").tolist() == [f"J{k}" for k in range(N)]
    beside.write_text("ID_1 ID_2 missing sex\n0 0 0 D\n" + rows[:-10])
    with pytest.raises(ValueError, match=r"holds 5 people, but study\.sample names 4"):
        read_bgen(path)
    beside.write_text("ID_1 ID_2 missing sex\n" + rows)
    with pytest.raises(ValueError, match=r"not a \.sample file"):
        read_bgen(path)
    beside.write_text("ID_1 ID_2 missing sex\n0 0 0 D\n" + rows + "F9 I9\n")
    with pytest.raises(ValueError, match="row 6 has 2 fields, the header has 4"):
        read_bgen(path)


def test_every_truncation_is_one_sentence(path):
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"^study\.bgen [^\n]*\.$"):
            read_bgen(path)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1))
def test_damage_is_one_sentence(path, changes):
    write_bgen(path, variants(), sample_ids="abcde")
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    sentence = complaint(lambda: read_bgen(path)[:, :])
    assert sentence is None or is_one_sentence(sentence)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ploidy": [2, 2, 2, 2, 3]}, "variant 1 has 2 to 3 chromosomes; expected 1 or 2"),
        ({"ploidy": [2, 2, 2, 2, 1]}, "variant 1 is damaged: it is not 9 probabilities of 16"),
        ({"ploidy": [2, 2, 2, 2], "missing": [0] * 4}, "not of as many people as the file"),
    ],
)
def test_bad_variants(path, change, message):
    good, *_ = variants()
    write_bgen(path, [good, good | change], sample_ids="abcde")
    genotypes = read_bgen(path)
    assert genotypes[:, 0].shape == (5, 1)
    with pytest.raises(ValueError, match=message.replace("variant 1", "variant 2")):
        genotypes[:, 1]


def test_bad_files(path, tmp_path):
    data = path.read_bytes()
    path.write_bytes(b"\x6c\x1b\x10" + bytes(50).replace(b"\0", b"x"))
    with pytest.raises(ValueError, match="not a BGEN file"):
        read_bgen(path)
    path.write_bytes(data[:20] + b"\5" + data[21:])
    with pytest.raises(ValueError, match="BGEN of layout 1, compression 1"):
        read_bgen(path)
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.bgen"):
        read_bgen(tmp_path / "none.bgen")
    write_bgen(path, variants()[:1], sample_ids="abcd")
    with pytest.raises(ValueError, match=r"holds 5 people, but study\.bgen names 4"):
        read_bgen(path)


def test_zstd(path):
    zstandard = pytest.importorskip("zstandard")
    write_bgen(path, variants(), sample_ids="abcde", compress=zstandard.compress)
    np.testing.assert_allclose(read_bgen(path)[:, :4], dosages(), atol=1e-4)
