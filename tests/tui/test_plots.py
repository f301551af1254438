"""Plots: every figure stands where the axes say, published ones apart; nothing is cut off at the edge."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from lessons.activities.plots import sites_plots
from simkernel.overhead import sites
from simkernel.overhead.published import published
from simkernel.overhead.sites import Patched
from tui.cli import run
from tui.tables import sites_lines
from tui.view.svg import WIDTH, plot_svg

ROWS = [
    Patched(10**k, 300, 10**k // 256 + 1, 3 * 10**k, 3 * (10**k // 256 + 1), 12, 1, 64, 1_200 * 10**k) for k in range(6)
]
SVG = "{http://www.w3.org/2000/svg}"


def test_ten_times_as_many_sites_stand_the_same_distance_further() -> None:
    time, syncs = (ElementTree.fromstring(plot_svg(plot)) for plot in sites_plots(ROWS))
    for root in (time, syncs):
        places = [float(one.attrib["cx"]) for one in root.iter(f"{SVG}circle")]
        steps = [later - earlier for earlier, later in pairwise(places)]
        assert len(places) == len(ROWS) and max(steps) - min(steps) < 0.3
    heights = [float(one.attrib["cy"]) for one in time.iter(f"{SVG}circle")]
    assert heights == sorted(heights, reverse=True)


def test_each_published_figure_with_a_place_is_marked_and_has_no_height() -> None:
    root = ElementTree.fromstring(plot_svg(sites_plots(ROWS)[0]))
    texts = [one.text for one in root.iter(f"{SVG}text")]
    marked = [one.short for one in published("patching") if one.sites]
    assert marked and all(short in texts for short in marked)
    assert sum("stroke-dasharray" in one.attrib for one in root.iter(f"{SVG}path")) == len(marked)
    assert "Their heights mean nothing." in " ".join(map(str, texts))


def test_no_text_runs_out_of_the_picture() -> None:
    for plot in sites_plots(ROWS):
        for one in ElementTree.fromstring(plot_svg(plot)).iter(f"{SVG}text"):
            width = 7.5 * len(one.text or "")
            left = float(one.attrib["x"]) - width * {"end": 1, "middle": 0.5}.get(one.get("text-anchor", ""), 0)
            assert left >= 0 and left + width <= WIDTH + 10, one.text


def test_the_text_keeps_published_figures_apart_and_sourced() -> None:
    lines = sites_lines(ROWS)
    heading = next(at for at, line in enumerate(lines) if line.startswith("PUBLISHED"))
    assert not any(one.text in lines[:heading] for one in published("patching"))
    assert lines[heading:].count("    Source: " + published("patching")[0].source) == 1


def test_the_plot_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sites, "SITES", (1, 300))
    assert run(["overhead", "nop", "--plot", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [(row["sites"], row["batches"], row["syncs"]) for row in value["sites"]["rows"]] == [(1, 1, 3), (300, 2, 6)]
    assert value["growth"]["rows"][0]["traced"] == 0 and value["sites"]["published"][0]["source"]
    assert all(value[answer]["method"] for answer in ("exact", "modelled", "growth", "sites"))
