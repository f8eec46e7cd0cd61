"""Names and kinds of tissues, shared by the Displays of factors of expression."""

import numpy as np

from skgenetics.inspection._style import EDGE, category_style, size_in_inches


def check_labels(tissue_names, groups, n_tissues):
    """Return names and groups as arrays (None stays None), numbers where there are no names."""
    names = [f"tissue {k}" for k in range(n_tissues)] if tissue_names is None else tissue_names
    labels = []
    for values, what in ((names, "tissue_names"), (groups, "groups")):
        if values is not None:
            values = np.asarray(values).astype(str)
            if values.shape != (n_tissues,):
                raise ValueError(
                    f"{what} must have one entry for each of {n_tissues} tissues; got shape "
                    f"{values.shape}."
                )
        labels.append(values)
    return labels


def select(estimator, tissues, tissue_names, groups):
    """Return names and groups of `tissues`, of those given for all tissues of the estimator."""
    names, groups = check_labels(tissue_names, groups, len(estimator.tissue_mean_))
    return names[tissues], None if groups is None else groups[tissues]


def group_styles(groups):
    """Return a dict from each group, in order of its name, to its color and marker."""
    return {group: category_style(i) for i, group in enumerate(sorted(set(groups.tolist())))}


def mark_groups(ax, x, groups, transform):
    """Put the marker of each row's group at `x`, outside the frame, and the legend above `ax`."""
    styles = group_styles(groups)
    for group, (color, marker) in styles.items():
        (rows,) = np.nonzero(groups == group)
        ax.plot(
            np.full(rows.size, x), rows, color=color, marker=marker, linestyle="none",
            markersize=6, markeredgecolor=EDGE, markeredgewidth=0.5, transform=transform,
            clip_on=False, label=group,
        )  # fmt: skip
    ax.tick_params(axis="y", pad=14)
    above = 1 + 0.22 / size_in_inches(ax)[1]
    legend_of_groups(ax, loc="lower left", bbox_to_anchor=(0.0, above), ncols=4, columnspacing=1.0)


def legend_of_groups(ax, **options):
    """Add a legend of the groups' markers to `ax`."""
    ax.legend(frameon=False, fontsize="small", handletextpad=0.1, borderaxespad=0.0, **options)
