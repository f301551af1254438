"""Slides: every figure is where the axes say, nothing runs out of its frame, the same figures are the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lessons.activities.charts import exact_chart, measured_chart
from lessons.activities.plots import growth_plot, sites_plots
from lessons.chart import Chart, Plot
from simkernel.overhead import sites
from simkernel.overhead.exact import exact
from simkernel.overhead.published import published
from simkernel.overhead.sites import Patched, patch_sites
from tests.tui.measurements import MEASURED
from tui.cli import run
from tui.tables import sites_lines
from tui.view.slides import FORMATS, drawn, slide

ROWS = [Patched(n, 300, -(-n // 256), 3 * n, 3 * -(-n // 256), 12, 1, 64, 1_200 * n) for n in (1, 100, 256, 257, 10**5)]


def all_figures() -> list[Chart | Plot]:
    bars = exact_chart([exact(name) for name in ("nop", "call", "nops", "function", "int3")], ("nop", "nops", "int3"))
    grown = growth_plot([(0, exact("nop")), (7, exact("call")), (240, exact("function"))])
    return [bars, measured_chart(MEASURED), grown, *sites_plots(ROWS)]


def test_syncs_are_a_staircase_on_which_all_that_is_counted_lies() -> None:
    counted = [patch_sites(n) for n in (1, 100, 256, 257, 1_000)]
    plot = sites_plots(counted)[1]
    assert plot.stairs[:3] == ((1, 3), (257, 6), (513, 9)) and plot.marks == ((256, 3, "256 sites: 3 syncs"),)
    for across, up in plot.points:
        assert [height for begin, height in plot.stairs if begin <= across][-1] == up
    line: Any = drawn(plot).axes[0].lines[0]
    assert line.get_drawstyle() == "steps-post" and tuple(line.get_xdata()) == tuple(x for x, _ in plot.stairs)


@pytest.mark.parametrize("title", ["", "A title of my own that is so long that a person would call it a paragraph"])
def test_nothing_runs_out_of_the_frame(title: str) -> None:
    for one in all_figures():
        figure = drawn(one, title)
        (width, height), drawn_box = figure.get_size_inches(), figure.get_tightbbox()
        assert width / height == pytest.approx(16 / 9)
        assert 0.2 < drawn_box.x0 and drawn_box.x1 < width - 0.2, one.heading
        assert 0.1 < drawn_box.y0 and drawn_box.y1 < height - 0.1, one.heading


@pytest.mark.parametrize("dark", [False, True])
def test_the_bars_are_as_long_as_their_values_and_the_nop_is_marked(dark: bool) -> None:
    chart = measured_chart(MEASURED)
    (axes,) = drawn(chart, dark=dark).axes
    patches: list[Any] = list(axes.patches)
    assert [bar.get_width() for bar in patches] == [bar.value for bar in chart.bars]
    colours = [bar.get_facecolor() for bar in patches]
    assert colours.count(colours[1]) == 1 and len(set(colours)) == 2


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_figures_are_the_same_bytes(ending: str) -> None:
    import matplotlib

    plot = sites_plots(ROWS)[1]
    first = slide(plot, ending)
    with matplotlib.rc_context({"axes.linewidth": 9, "xtick.major.size": 30}):
        assert slide(plot, ending) == first != slide(plot, ending, dark=True)


def test_pictures_are_named_by_what_they_show_and_one_can_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["overhead", "nop", "--slides", str(tmp_path / "x.svg")]) == 0
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["x-cycles.svg", "x-instructions.svg"]
    said = capsys.readouterr().out
    assert "--measure adds them" in said and "--plot adds them" in said and said.startswith("EXACT: instructions")
    assert run(["overhead", "nop", "--slides", str(tmp_path / "y.pdf"), "--only", "cycles", "--title", "Mine"]) == 0
    assert (tmp_path / "y.pdf").read_bytes().startswith(b"%PDF") and "adds them" not in capsys.readouterr().out
    for wrong, why in ((["--slides", "x.gif"], "ends in .svg, .png or .pdf"), (["--only", "cycles"], "give --slides"),
                       (["--slides", "x.png", "--title", "Mine"], "choose it by --only")):  # fmt: skip
        assert run(["overhead", "nop", *wrong]) == 2
        assert why in capsys.readouterr().err


def test_without_matplotlib_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["overhead", "nop", "--slides", "x.svg"]) == 2
    assert "pip install 'simkernel[plots]'" in capsys.readouterr().err
    assert run(["overhead", "nop"]) == 0


def test_matplotlib_is_loaded_only_for_a_picture() -> None:
    program = "import sys, tui.commands.overhead, tui.view.slides, tui.view.save; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n", done.stderr


def test_a_slide_is_well_formed() -> None:
    for one in all_figures():
        assert ElementTree.fromstring(slide(one, ".svg")).tag.endswith("svg")


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
