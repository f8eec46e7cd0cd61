"""Calibrate the checks of z against LD: false alarms, power, and harm, on coalescent genotypes.

    python benchmarks/calibrate_ld_mismatch.py [--regions 4] [--seed 0] [--people 8000]
        [--largest-z 6 15 40] [--genotypes PLINK prefix]

A region of 400 variants is simulated (msprime, two populations that split and grew) or taken from a
PLINK file, whose people are split: half of them are the scan, the other half are the panels, so
that the limits can be checked on one's own panel. One to four variants have effects; z is drawn
from the LD of the scan, with a largest z as given. Half of the regions keep rare variants (minor
allele frequency from .005), half only common ones (from .05). Rows are

* matched LD: the scan's own, and panels of 2,000, 500 and 100 others, as genotypes, so that their
  size is known; "500 untold" is a matrix of which nothing is said;
* LD that does not fit: 500 people of another ancestry, told or untold (simulated regions alone);
* errors of z, with the scan's LD and with a panel of 500: the strongest tagged variant turned to
  noise, halved, or flipped; all z times 1.5 or 2; r^2 in place of r.

Columns: alarms per locus with a standard error; how often the changed variant is named (or the
scale or r^2); sets without an effect, and the share of effects in a set, under the default and
under on_mismatch="ignore"; how often one effect was fitted in place. Effects that explain more than
the trait are an error: an alarm without sets.
"""

import argparse
import warnings
from collections import defaultdict

import numpy as np

from skgenetics import FinemapMiXeR
from skgenetics.finemapping import LDMismatchWarning

N_VARIANTS = 400
N_STUDY = 1_000_000
RARE, COMMON = 0.005, 0.05


def history():
    """Return two populations that split and grew, after Tennessen et al. 2012."""
    import msprime

    ages = {"growth": 205, "bottleneck": 920, "split": 2040, "old": 5920}
    demography = msprime.Demography()
    demography.add_population(name="there", initial_size=430_000, growth_rate=0.0166)
    demography.add_population(name="here", initial_size=500_000, growth_rate=0.0195)
    demography.set_symmetric_migration_rate(["there", "here"], 2.5e-5)
    for name, size, rate in (("there", 14_474, 0.0), ("here", 9_300, 0.00307)):
        demography.add_population_parameters_change(
            time=ages["growth"], population=name, initial_size=size, growth_rate=rate
        )
    demography.add_population_parameters_change(
        time=ages["bottleneck"], population="here", initial_size=1861, growth_rate=0
    )
    demography.add_mass_migration(time=ages["split"], source="here", dest="there", proportion=1.0)
    demography.add_migration_rate_change(time=ages["split"], rate=0)
    demography.add_population_parameters_change(
        time=ages["old"], population="there", initial_size=7310
    )
    demography.sort_events()
    return demography


def simulated_region(rng, n_people):
    """Return dosages of the scan's people, of 2,000 others, and of 500 of another ancestry."""
    import msprime

    seed = int(rng.integers(1, 2**31))
    trees = msprime.sim_ancestry(
        {"here": n_people + 2000, "there": 500}, demography=history(), sequence_length=1_000_000,
        recombination_rate=1e-8, random_seed=seed,
    )  # fmt: skip
    trees = msprime.sim_mutations(trees, rate=1.25e-8, random_seed=seed)
    here = trees.samples(population=1)
    common = [
        site.id
        for tree in trees.trees(tracked_samples=here)
        for site in tree.sites()
        if len(site.mutations) == 1
        and RARE < tree.num_tracked_samples(site.mutations[0].node) / len(here) < 1 - RARE
    ]
    kept = rng.choice(common, min(2 * N_VARIANTS, len(common)), replace=False)
    trees = trees.delete_sites(np.setdiff1d(np.arange(trees.num_sites), kept))
    samples = np.concatenate([here, trees.samples(population=0)])
    haplotypes = (trees.genotype_matrix(samples=samples) > 0).astype(np.int8)
    X = (haplotypes[:, 0::2] + haplotypes[:, 1::2]).T
    return X[:n_people], X[n_people : n_people + 2000], X[n_people + 2000 :]


def region_of_file(rng, prefix):
    """Return dosages of half of the people of a PLINK file, of the other half, and None."""
    from bed_reader import open_bed

    with open_bed(prefix + ".bed") as bed:
        here = np.flatnonzero(bed.chromosome == rng.choice(np.unique(bed.chromosome)))
        first = rng.integers(max(len(here) - N_VARIANTS, 1))
        X = bed.read(np.s_[:, here[first : first + N_VARIANTS]], dtype="float64")
    X = rng.permutation(np.where(np.isnan(X), np.mean(X, axis=0), X))
    return X[: len(X) // 2], X[len(X) // 2 :], None


def panels(others, foreign):
    """Return the people of each panel, as they are given to fit_summary."""
    found = {str(n): others[:n] for n in (2000, 500, 100) if n <= len(others)}
    found["500 untold"] = np.corrcoef(others[:500].T.astype(float))
    if foreign is not None:
        found["foreign"] = foreign
        found["foreign untold"] = np.corrcoef(foreign.T.astype(float))
    return found


def draw_z(rng, ld, largest):
    """Return z of a scan whose LD is `ld` (p, p), and the causal variants."""
    p = len(ld)
    causal = rng.choice(p, rng.integers(1, 5), replace=False)
    effects = np.zeros(p)
    effects[causal] = rng.normal(size=len(causal))
    signal = ld @ effects
    signal *= largest / np.abs(signal).max()
    values, vectors = np.linalg.eigh(ld)
    return signal + vectors @ (np.sqrt(np.clip(values, 0, None)) * rng.normal(size=p)), causal


def wrong_z(rng, z, ld):
    """Yield the name of an error, z with it, and what a warning must say."""
    tagged = np.max(np.abs(ld - np.eye(len(ld))), axis=0) > 0.8
    changed = int(np.argmax(np.where(tagged, np.abs(z), 0)))
    for name, value in (
        ("to noise", rng.normal()), ("halved", z[changed] / 2), ("flipped", -z[changed])
    ):  # fmt: skip
        other = z.copy()
        other[changed] = value
        yield name, other, changed
    for factor in (1.5, 2.0):
        yield f"all times {factor}", factor * z, "times the variance"


def fit(z, ld, **options):
    """Return a fit, or None if its effects explain more than the trait, which is an error."""
    try:
        return FinemapMiXeR().fit_summary(z, ld, n_samples=N_STUDY, **options)
    except ValueError:
        return None


def measured(z, ld, causal, expected=None):
    """Return a row of the table, see the module."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, ignored = fit(z, ld), fit(z, ld, on_mismatch="ignore")
    told = "".join(
        str(one.message) for one in caught if issubclass(one.category, LDMismatchWarning)
    )
    named = model is not None and (
        expected in model.flipped_ or expected in model.outliers_
        if isinstance(expected, int) and model.ld_mismatch_
        else expected is not None and str(expected) in told
    )
    row = [model is None or bool(model.ld_mismatch_), named]
    for fitted in (model, ignored):
        sets = [] if fitted is None else [found["variants"] for found in fitted.credible_sets_]
        row.append(sum(not np.isin(members, causal).any() for members in sets))
        row.append(np.mean([any(one in members for members in sets) for one in causal]))
    return [*row, "One effect" in told]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--regions", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=8000)
    parser.add_argument("--largest-z", type=float, nargs="+", default=[6.0, 15.0, 40.0])
    parser.add_argument("--genotypes")
    arguments = parser.parse_args()
    rng, rows = np.random.default_rng(arguments.seed), defaultdict(list)
    for region in range(arguments.regions):
        if arguments.genotypes is None:
            scan, others, foreign = simulated_region(rng, arguments.people)
        else:
            scan, others, foreign = region_of_file(rng, arguments.genotypes)
        frequency = scan.mean(axis=0) / 2
        minor = np.minimum(frequency, 1 - frequency)
        people = [others[:100], others[:500], *([] if foreign is None else [foreign])]
        keep = minor > (COMMON if region % 2 else RARE)
        keep &= np.all([X.std(axis=0) > 0 for X in people], axis=0)
        keep = np.flatnonzero(keep)[:N_VARIANTS]
        ld = np.corrcoef(scan[:, keep].T.astype(float))
        given = {"own": ld} | panels(others[:, keep], None if foreign is None else foreign[:, keep])
        for largest in arguments.largest_z:
            z, causal = draw_z(rng, ld, largest)
            for name, form in given.items():
                rows[name, "", largest].append(measured(z, form, causal))
            for error, other, expected in wrong_z(rng, z, ld):
                for name in ("own", "500"):
                    row = measured(other, given[name], causal, expected)
                    rows[name, error, largest].append(row)
            rows["own", "r^2", largest].append(measured(z, ld**2, causal, "looks like r^2"))
    print(f"{'LD':15} {'error':14} {'z':>4} loci  alarm (s.e.)  named  false sets, power: default"
          "    ignored      one effect")  # fmt: skip
    for (name, error, largest), values in sorted(rows.items()):
        m, n = np.mean(np.array(values, dtype=float), axis=0), len(values)
        error_of_m = (m[0] * (1 - m[0]) / n) ** 0.5
        print(
            f"{name:15} {error:14} {largest:4.0f} {n:4d}  {m[0]:.2f} ({error_of_m:.2f})   "
            f"{m[1]:.2f}   {m[2]:10.2f} {m[3]:.2f}   {m[4]:12.2f} {m[5]:.2f}   {m[6]:10.2f}"
        )


if __name__ == "__main__":
    main()
