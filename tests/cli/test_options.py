"""The options of learning have all their faces, and one that a method does not use is named. Oracles: the declarations,
as `sextant options --json` lists them, and the faces themselves: help, spec files, model files, docs/options.md."""

import json
import re
import subprocess
import sys

import pytest
from safetensors_numpy import read_model
from sextant_program import PROGRAM, ROOT, json_of, refuse, succeed

OPTIONS = json.loads(subprocess.run([PROGRAM, "options", "--json"], check=True, stdout=subprocess.PIPE).stdout)["options"]
NAMES = [option["name"] for option in OPTIONS]


def flags(text):
    return set(re.findall(r"^  (--[a-z0-9-]+)", text, re.MULTILINE))


def test_what_is_made_of_the_declarations_is_fresh(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts/write-options", PROGRAM, tmp_path], check=True)
    for file in ("docs/options.md", "python/sextant/_option_types.py"):
        assert (tmp_path / file).read_text() == (ROOT / file).read_text(), f"{file} is stale: run scripts/write-options"


def test_every_option_is_on_the_command_line(tmp_path):
    all_flags = {option["flag"] for option in OPTIONS}
    assert len(all_flags) == len(OPTIONS) > 40
    shown = succeed("fit", "--help", cwd=tmp_path).out
    assert all_flags <= flags(shown)
    for option in OPTIONS:
        assert option["meaning"] in shown, option["name"]
    assert all_flags - flags(succeed("compare", "--help", cwd=tmp_path).out) == {"--method", "--calibration-share"}
    # A transfer takes no option that shapes the first layer.
    missing = {option["name"] for option in OPTIONS if option["flag"] not in flags(succeed("transfer", "--help", cwd=tmp_path).out)}
    assert {"method", "width", "eta", "slices", "lift"} <= missing
    assert not missing & {option["name"] for option in OPTIONS if option["with_kept_layer"]}


def test_every_option_is_documented():
    rows = re.findall(r"^\| `(--[a-z0-9-]+)` \| [^|]+ \|", (ROOT / "docs/options.md").read_text(), re.MULTILINE)
    assert rows == [option["flag"] for option in OPTIONS]


def test_every_option_is_in_a_model_file(wing):
    succeed("fit", "wing.csv", "--target", "y", "--width", 8, "--out", "m.sextant", cwd=wing)
    _, metadata = read_model(wing / "m.sextant")
    assert set(metadata["options"]) == {name.replace("_", "-") for name in NAMES}


@pytest.mark.parametrize("option", [o for o in OPTIONS if o["kind"] not in ("seed", "rows")], ids=lambda o: o["name"])
def test_every_option_of_one_value_is_a_key_of_specs(tmp_path, option):
    """Oracle: what refuses a value of a wrong kind knows the key."""
    (tmp_path / "s.toml").write_text(f'name = "s"\n[[grid]]\n{option["name"]} = 1979-05-27\n')
    refuse("experiment", "s.toml", "--dry-run", cwd=tmp_path, status=1, says=f"s.toml, line 3: {option['name']} is")


def test_methods_list_what_they_use(tmp_path):
    of_polish = {option["name"] for option in json_of("options", "--method", "polish", cwd=tmp_path)["options"]}
    assert {"polish_steps", "budget", "seed"} <= of_polish and not {"slices", "width", "head"} & of_polish
    assert "--polish-steps (15)" in succeed("options", "--method", "polish", cwd=tmp_path).out
    refuse("options", "--method", "magic", cwd=tmp_path, says="method: 'magic' is not known")


def test_an_option_that_the_method_does_not_use_is_named_once(wing):
    words = ["fit", "wing.csv", "--target", "y", "--method", "ntk", "--width", 4]
    said = succeed(*words, "--slices", 5, "--seed", 3, cwd=wing).err
    sentence = "slices: 5 given with ntk, which does not use it; methods that do: sir, save, directional-regression"
    assert said.splitlines() == [f"warning: {sentence}"]
    assert "slices" not in succeed(*words, "--slices", 10, cwd=wing).err  # the default changes nothing
    compared = ["compare", "wing.csv", "--target", "y", "--width", 4, "--slices", 5, "--methods"]
    assert "warning" not in succeed(*compared, "sir,ntk", cwd=wing).err
    assert "slices: 5 given, which none of ntk, phd uses" in succeed(*compared, "ntk,phd", cwd=wing).err


def test_transfers_name_what_they_do_not_use(wing):
    succeed("fit", "wing.csv", "--target", "y", "--width", 8, "--out", "m.sextant", cwd=wing)
    words = ["transfer", "m.sextant", "wing.csv", "--target", "y", "--out", "t.sextant"]
    layer = succeed(*words, "--keep", "first-layer", "--budget", 0.1, "--folds", 3, cwd=wing).err
    assert layer == "warning: budget: 0.1 given where a first layer is kept, which does not use it\n"
    directions = succeed(*words, "--keep", "directions", "--budget", 0.1, "--head", "gradient-descent", cwd=wing).err
    assert "head: gradient-descent given with auto, which does not use it" in directions and "budget: 0.1" not in directions


def test_specs_name_what_none_of_their_methods_uses(tmp_path):
    spec = 'name = "s"\n[defaults]\nslices = 5\nwidth = 8\n[[grid]]\nmethod = ["ntk", "kernel-ntk"]\n'
    (tmp_path / "s.toml").write_text(spec)
    said = succeed("experiment", "s.toml", "--dry-run", cwd=tmp_path).err
    assert "slices: 5 given, which none of ntk, kernel-ntk uses" in said and "width" not in said
    (tmp_path / "s.toml").write_text(spec.replace("kernel-ntk", "sir"))
    assert succeed("experiment", "s.toml", "--dry-run", cwd=tmp_path).err == ""
