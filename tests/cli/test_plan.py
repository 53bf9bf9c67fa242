"""`plan`: what the theory predicts.

Oracles: the theorems' formulas worked out here (DLS22, Theorems 1 to 3), straight lines in log d and log n through the
measured crossings, and the counting argument behind Theorem 2.
"""

import math
import shlex

import pytest
from sextant_program import json_of, refuse, succeed

# d, r, p, κ with r^p κ^2p = (4/4)³ = 1, d²κ²r = 625, κ r^1.5 = 4.
ONES = ["plan", "--d", 25, "--r", 4, "--p", 3, "--kappa", 0.5]
MEASURED = {10: 4833, 20: 9080, 40: 33339, 80: 142227}
HEADER = "level,method,width,p,r,d,n_star,slope\n"


def test_keys(tmp_path):
    report = json_of(*ONES, cwd=tmp_path)
    assert sorted(report) == sorted(
        "d r p kappa up_to kernel_samples query_lower_bound subspace_parameters algorithm_1 conditions transfer".split()
    )
    assert sorted(report["algorithm_1"]) == sorted(
        "excess_risk samples units slope extrapolated basis same_problem scale".split()
    )
    assert (report["d"], report["r"], report["p"], report["kappa"]) == (25, 4, 3, 0.5)
    assert report["kernel_samples"] == 25**3 and report["subspace_parameters"] == 4 * 21
    assert report["query_lower_bound"] == pytest.approx(125)
    assert report["conditions"] == {"samples": 625, "inputs": {"needed": 4, "given": 25, "met": True}}
    assert report["transfer"] == {"samples": 1, "units": 1}
    assert "constants" in report["up_to"] and "logarithms" in report["up_to"]


@pytest.mark.parametrize("d", MEASURED)
def test_measured_sample_counts(tmp_path, d):
    found = json_of("plan", "--d", d, cwd=tmp_path)["algorithm_1"]
    assert found["samples"] == MEASURED[d] and found["units"] == 300 and found["excess_risk"] == 0.1
    assert found["same_problem"] and not found["extrapolated"] and f"d = {d}" in found["basis"]


def test_between_and_beyond_what_was_measured(tmp_path):
    between = json_of("plan", "--d", 30, cwd=tmp_path)["algorithm_1"]
    slope = math.log(33339 / 9080) / math.log(2)
    assert between["slope"] == pytest.approx(slope)
    assert between["samples"] == pytest.approx(9080 * 1.5**slope)
    beyond = json_of("plan", "--d", 160, cwd=tmp_path)["algorithm_1"]
    assert beyond["extrapolated"] and beyond["samples"] == pytest.approx(4 * 142227)
    assert "extrapolated above" in succeed("plan", "--d", 160, cwd=tmp_path).out
    # κ²r = 12 and r^p κ^2p = 12³ scale what was measured for 1 and 1.
    scaled = json_of("plan", "--d", 20, "--r", 3, "--p", 3, "--kappa", 2, cwd=tmp_path)["algorithm_1"]
    assert scaled["samples"] == pytest.approx(12 * 9080) and scaled["units"] == pytest.approx(300 * 12**3)
    assert not scaled["same_problem"] and scaled["scale"] == pytest.approx(12)


def test_the_terms_of_the_theorems(tmp_path):
    one = json_of(*ONES, "--samples", 10_000, "--width", 100, cwd=tmp_path)["theorem_1"]
    assert one["features"] == pytest.approx(0.05) and one["units"] == pytest.approx(0.1)
    assert one["labels"] == pytest.approx(0.1) and one["bound"] == pytest.approx(0.25)
    assert one["conditions"]["met"] and one["conditions"]["samples"] == {"needed": 625, "given": 10_000, "met": True}
    split = json_of(*ONES, "--n", 10_000, "--width", 100, "--sample-splitting", "true", cwd=tmp_path)["theorem_1"]
    assert split["features"] == pytest.approx(0.01)
    few = json_of(*ONES, "--samples", 624, "--transfer-samples", 16, "--width", 100, cwd=tmp_path)
    assert not few["theorem_1"]["conditions"]["met"]
    assert few["theorem_3"]["features"] == pytest.approx(0.25) and few["theorem_3"]["labels"] == pytest.approx(0.5)
    assert few["theorem_3"]["bound"] == pytest.approx(0.75) and few["theorem_3"]["n"] == 624
    assert "n = 624 < d²κ²r = 625: not met" in succeed(*ONES, "--samples", 624, cwd=tmp_path).out
    # Without samples, those that the plan asks for: 9080 at d = 20.
    assert json_of("plan", "--d", 20, "--transfer-samples", 16, cwd=tmp_path)["theorem_3"]["n"] == 9080


def test_the_source(tmp_path):
    """He_2/2 + He_4/(4√3): half the variance each, H = uuᵀ, κ = 1."""
    report = json_of("plan", "--d", 20, "--target", "source", cwd=tmp_path)
    assert (report["r"], report["p"]) == (1, 4) and report["kappa"] == pytest.approx(1)
    target = report["target"]
    assert target["coefficients"] == pytest.approx([0, 0, math.sqrt(0.5), 0, math.sqrt(0.5)])
    assert [row["degree"] for row in target["degrees"]] == [2, 4]
    assert [row["share"] for row in target["degrees"]] == pytest.approx([0.5, 0.5])
    assert (target["hessian_rank"], target["information_exponent"]) == (1, 2)
    assert report["algorithm_1"]["samples"] == pytest.approx(9080)


def test_coefficients_of_any_scale(tmp_path):
    """The theorems take E f*² = 1, so a multiple of the source needs what the source needs."""
    report = json_of("plan", "--d", 20, "--hermite", "0,0,0.5,0,0.5", cwd=tmp_path)
    assert report["target"]["second_moment"] == pytest.approx(0.5)
    assert report["kappa"] == pytest.approx(1) and report["algorithm_1"]["samples"] == pytest.approx(9080)
    # c_2 = 1/2 of E f*² = 1: H = √2/2 uuᵀ, κ = √2.
    weaker = json_of("plan", "--d", 20, "--hermite", f"0,0,0.5,{math.sqrt(0.75)}", cwd=tmp_path)
    assert weaker["kappa"] == pytest.approx(math.sqrt(2)) and weaker["p"] == 3
    assert weaker["conditions"]["samples"] == pytest.approx(2 * 400)


def test_several_directions(tmp_path):
    report = json_of("plan", "--d", 20, "--target", "multi-index", "--r", 3, "--p", 4, cwd=tmp_path)
    assert (report["r"], report["kappa"], report["target"]["hessian_rank"]) == (3, pytest.approx(1), 3)
    assert "coefficients" not in report["target"]
    assert [row["energy"] for row in report["target"]["degrees"]] == pytest.approx([0.5, 0.5])
    assert report["transfer"]["samples"] == pytest.approx(81)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ("--target hermite --p 3", "sees nothing: information exponent 3 > 2"),
        ("--hermite 0,1,0,1", "sees the linear part only"),
        ("--hermite 2", "the target is constant"),
    ],
)
def test_what_the_first_step_cannot_see(tmp_path, arguments, says):
    out = succeed("plan", "--d", 9, *shlex.split(arguments), cwd=tmp_path).out
    assert says in out and "no promise" in out and "κ = ∞" in out
    report = json_of("plan", "--d", 9, *shlex.split(arguments), cwd=tmp_path)
    assert report["kappa"] is None and "algorithm_1" not in report and says in report["target"]["first_step"]


def test_the_hard_class(tmp_path):
    d, p, M, q = 40, 3, 400, 20
    arguments = ["plan", "--d", d, "--p", p, "--hard-class", "--members", M, "--queries", q]
    found = json_of(*arguments, cwd=tmp_path)["hard_class"]
    assert (found["d"], found["p"], found["members"]) == (d, p, M)
    eps, rho = found["largest_correlation"], found["mean_correlation"]
    # Rows of signs: overlaps are multiples of 2/d, cubed.
    assert round(eps ** (1 / 3) * d / 2, 9) == round(eps ** (1 / 3) * d / 2) and 0 < rho < eps < 1
    below, above, few, each = found["rows"]
    assert below["learned"] and below["consistent"] == 1 and below["zeros"] < q
    assert not above["learned"] and above["zeros"] == q and above["consistent"] > M / 2
    assert above["tau"] == pytest.approx((math.log(q * d) / d) ** (p / 4))
    assert few["asked"] == q and few["consistent"] == M - q and few["zeros"] == q
    assert few["tau"] == pytest.approx(2 * above["tau"])
    assert each["learned"] and each["asked"] == M and each["tau"] == pytest.approx(0.499 * (1 - eps), rel=0.3)
    for row in found["rows"]:
        bounds = [(1 + math.sqrt(1 + 4 * row["tau"] ** 2 * M * (M - 1) * rho)) / (2 * row["tau"] ** 2)]
        if row["tau"] ** 2 > eps:
            bounds.append((1 - eps) / (row["tau"] ** 2 - eps))
        assert row["guaranteed"] == max(0, M - row["asked"] * math.floor(min(M, *bounds)))
        assert row["consistent"] >= row["guaranteed"]
    assert few["guaranteed"] > M / 4  # a bound on any learner, not on this one
    out = succeed(*arguments, cwd=tmp_path).out
    assert out.count("not learned") == 2 and out.count("learned") == 4


def test_calibration(tmp_path):
    """n* = 100·d^1.5 at two d, so 100·30^1.5 between them; units are the measurement's."""
    rows = [f"0.1,algorithm-1,200,4,1,{d},{100 * d**1.5},\n" for d in (10, 40)]
    rows += ["0.5,algorithm-1,200,4,1,10,77,\n", "0.1,ntk,200,4,1,20,5,\n"]
    (tmp_path / "crossings.csv").write_text(HEADER + "".join(rows))
    found = json_of("plan", "--d", 30, "--calibration", "crossings.csv", cwd=tmp_path)["algorithm_1"]
    assert found["samples"] == pytest.approx(100 * 30**1.5) and found["units"] == 200
    assert found["slope"] == pytest.approx(1.5) and found["same_problem"]
    half = ["plan", "--d", 10, "--calibration", "crossings.csv", "--level", 0.5]
    assert json_of(*half, cwd=tmp_path)["algorithm_1"]["samples"] == 77


@pytest.mark.parametrize(
    "text, says",
    [
        ("level,method,width,p,r,d\n0.1,algorithm-1,100,4,1,10\n", "no column 'n_star'"),
        ("level,method,width,p,r,d,n_star\n", "no rows"),
        ("level,method,width,p,r,d,n_star\n0.1,algorithm-1,100,4,1,10,\n", "no crossing"),
        ("level,method,width,p,r,d,n_star\n0.1,algorithm-1,100,4,1,ten,5\n", "'d'"),
        ("level,method,width,p,r,d,n_star\n0.1,algorithm-1,100,4,1,10,0\n", "'n_star' has 0 at line 2"),
        ("level,method,width,p,r,d,n_star\n0.3,algorithm-1,100,4,1,10,50\n", "expected one of 0.3"),
    ],
)
def test_malformed_calibrations(tmp_path, text, says):
    (tmp_path / "crossings.csv").write_text(text)
    refuse("plan", "--d", 30, "--calibration", "crossings.csv", cwd=tmp_path, status=1, says=says)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ("", "--d is required"),
        ("--d 5 --r 6", "r = 6 given, expected 1 to d = 5"),
        ("--d 5 --r 0", "r = 0 given"),
        ("--d 0", "d = 0 given"),
        ("--d 5 --p 1", "p = 1 given, expected at least 2"),
        ("--d 5 --kappa 0", "kappa = 0 given"),
        ("--d 5 --kappa -1", "kappa = -1 given"),
        ("--d 5 --kappa inf", "kappa = inf given"),
        ("--d 5 --kappa nan", "--kappa: nan given"),
        ("--d 5 --samples 0", "0 given, expected a whole number of at least 1"),
        ("--d 5 --width 0", "--width: 0 given"),
        ("--d 5 --transfer-samples -3", "--transfer-samples: -3 given"),
        ("--d 5 --target magic", "'magic' is not known, expected one of source, hermite, multi-index"),
        ("--d 5 --target source --r 2", "r: 2 given, expected 1 for the target source"),
        ("--d 5 --target source --kappa 2", "kappa: given together with a target"),
        ("--d 5 --target source --p 2", "p = 2 given"),
        ("--d 2 --target multi-index --r 3", "r = 3 given"),
        ("--d 5 --target source --hermite 0,1", "hermite: given together with target"),
        ("--d 5 --hermite 0,0", "only zeros"),
        ("--d 5 --hermite 0,x", "x given, expected a number"),
        ("--d 5 --hermite 0,inf", "inf"),
        ("--d 5 --hermite 0,1 --p 3", "p: given together with hermite"),
        ("--d 5 --level 0.5", "--level requires --calibration"),
        ("--d 5 --members 9", "--members requires --hard-class"),
        ("--d 4 --hard-class --members 9", "members = 9 given"),
        ("--d 40 --hard-class --members 9000", "members: 9000 given"),
        ("--d 1 --hard-class", "d: 1 given with hard-class"),
    ],
)
def test_wrong_usage(tmp_path, arguments, says):
    refuse("plan", *shlex.split(arguments), cwd=tmp_path, status=2, says=says)
