"""Matching summary statistics to a panel, one row at a time, after the rules in words."""

OTHER_STRAND = {"A": "T", "C": "G", "G": "C", "T": "A"}


def match_rows(rows, panel):
    """Return {row: (variant, sign)} by place and alleles.

    `rows` and `panel` are lists of (chromosome, position, effect, other); all are complete.
    """
    of_rows, of_panel = {}, {}  # place: the pairs of alleles there
    for table, variants in ((of_rows, rows), (of_panel, panel)):
        for chromosome, position, effect, other in variants:
            if effect != other:
                table.setdefault((chromosome, position), set()).add(frozenset((effect, other)))
    result = {}
    for i, (chromosome, position, effect, other) in enumerate(rows):
        if effect == other:
            continue
        there = [
            j
            for j, variant in enumerate(panel)
            if variant[:2] == (chromosome, position) and variant[2] != variant[3]
        ]
        exact = [j for j in there if set(panel[j][2:]) == {effect, other}]
        if exact:
            result[i] = exact[0], 1 if panel[exact[0]][2] == effect else -1
            continue
        place = (chromosome, position)
        if len(of_rows[place]) > 1 or len(of_panel.get(place, ())) > 1:
            continue  # several pairs: as they are
        if effect not in OTHER_STRAND or other not in OTHER_STRAND:
            continue  # an indel
        turned = OTHER_STRAND[effect], OTHER_STRAND[other]
        if set(turned) == {effect, other}:
            continue  # ambiguous: the same pair on both strands
        for j in there:
            if set(panel[j][2:]) == set(turned):
                result[i] = j, 1 if panel[j][2] == turned[0] else -1
                break
    return result
