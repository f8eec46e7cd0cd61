"""Two traits: whether their signals at a locus are of the same variants."""

from typing import TYPE_CHECKING

from skgenetics.cli.finemap.report import Fitted, rsid_or_id
from skgenetics.finemapping import colocalize
from skgenetics.loci._tables import as_table
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of, join_names

if TYPE_CHECKING:
    import pandas as pd

_LIKELY = 0.5  # probability of a hypothesis that is more likely than the others together


def coloc_table(first: Fitted, second: Fitted) -> "pd.DataFrame":
    """Return a row per locus and pair of credible sets of two traits, see `colocalize`."""
    pd = import_optional("pandas", extra="dataframe")
    tables = [as_table([], "coloc")]
    for locus in first.study.loci:
        name = locus.region.name
        a, b = (_effects(trait, name) for trait in (first, second))
        table = colocalize(a, b).rename(columns={"effect_a": "cs_a", "effect_b": "cs_b"})
        for trait, ending in ((first, "a"), (second, "b")):
            sets = _at(trait.result.credible_sets, name).set_index("cs")
            table[f"lead_variant_id_{ending}"] = table[f"cs_{ending}"].map(sets["lead_variant_id"])
        variants = _at(first.result.variants, name)
        ids = dict(zip(_places(variants), variants["variant_id"], strict=True))
        table["lead_variant_id"] = table["lead_variant_id"].map(ids)
        tables.append(as_table(table.assign(locus=name), "coloc"))
    return pd.concat(tables, ignore_index=True)


def _effects(trait: Fitted, name: str) -> "pd.DataFrame":
    """Return the effects at a locus; variants are named alike in both traits."""
    effects = _at(trait.result.effects, name)
    return effects.assign(variant_id=_places(effects))


def _places(table: "pd.DataFrame") -> "pd.Series":
    """Return the names of variants by position and alleles, which both traits have of the panel."""
    place = table["base_pair_location"].astype("string")
    return place + "_" + table["other_allele"] + "_" + table["effect_allele"]


def _at(table: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """Return the rows of one locus."""
    return table[table["locus"] == name]


def coloc_lines(name: str, table: "pd.DataFrame", first: Fitted, second: Fitted) -> list[str]:
    """Return what is printed of the pairs of sets at one locus."""
    pairs = _at(table, name)
    if not len(pairs):
        without = [
            trait.study.name
            for trait in (first, second)
            if not len(_at(trait.result.credible_sets, name))
        ]
        return [f" Colocalization: nothing to compare, since {join_names(without)} has no set"]
    variants = _at(first.result.variants, name).set_index("variant_id")
    lines = [f" Colocalization ({count_of(int(pairs['n_variants'].iloc[0]), 'variant')} in both):"]
    for _, pair in pairs.iterrows():
        after = ""
        if pair["h4"] > _LIKELY:
            lead = rsid_or_id(
                variants.loc[pair["lead_variant_id"], "rsid"], pair["lead_variant_id"]
            )
            words, after = (
                "the same causal variant",
                f", most likely {lead} ({pair['lead_h4']:.2f})",
            )
        elif pair["h3"] > _LIKELY:
            words = "different causal variants"
        else:
            words = "one causal variant or two, the data do not tell"
        lines.append(
            f"  set {pair['cs_a']} of {first.study.name} and set {pair['cs_b']} of "
            f"{second.study.name}: {words} (H3 {pair['h3']:.2f}, H4 {pair['h4']:.2f}){after}"
        )
    return lines
