"""What commands say of work that goes on."""

import re
import threading

from skgenetics.cli import console


def test_a_line_per_name_and_none_at_the_end(capsys):
    with console.progress(4) as report:
        for name in ("BMI", "BMI", "HDL", "HDL"):
            report(name)
    assert re.fullmatch(r"  BMI done: 2 of 4 fits, 0 s, about 0 s to go\n", capsys.readouterr().err)


def test_what_is_to_go_counts_work(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(console.time, "perf_counter", lambda: clock[0])
    kinds = ["ridge", "network", "ridge", "network", "network"]
    lines = console._ProgressLines(5, "fits", kinds)
    seconds = {"ridge": 1.0, "network": 100.0}
    for place, name in enumerate("BCDEF"):
        clock[0] += seconds[kinds[place]]
        lines.report(name)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "  B done: 1 of 5 fits, 101 s"  # how long a network takes is not known
    assert said[1] == "  C done: 2 of 5 fits, 102 s, about 201 s to go"
    assert said[3] == "  E done: 4 of 5 fits, 302 s, about 100 s to go"


def test_long_work_is_not_silent(capsys, monkeypatch):
    monkeypatch.setattr(console, "SILENCE", 0.05)
    before = threading.active_count()
    with console.progress(10, "loci") as report:
        threading.Event().wait(0.3)
        report("chr1")
        threading.Event().wait(0.3)
    assert threading.active_count() == before
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  0 of 10 loci, 0 s"
    assert re.fullmatch(r"  chr1: 1 of 10 loci, [01] s, about \d+ s to go", lines[-1])
    assert 4 <= len(lines) <= 13
