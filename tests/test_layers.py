"""Checks the layering that docs/architecture.md states. Oracle: the #include lines of the tree itself."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["core", "data", "passes", "method", "search", "model", "lab"]


def includes(path):
    return re.findall(r'^#include ([<"][^>"]+[>"])', path.read_text(), flags=re.M)


def layer_of_public_headers():
    """A public header belongs to the layer whose folder has its source; headers without one are core's or their user's."""
    layers = {}
    for number, layer in enumerate(LAYERS):
        for source in (ROOT / "src" / layer).glob("*.cpp"):
            layers[source.stem] = number
    return layers


def test_sources_use_only_their_own_layer_and_those_above():
    public = layer_of_public_headers()
    checked = 0
    for number, layer in enumerate(LAYERS):
        for source in (ROOT / "src" / layer).iterdir():
            for include in includes(source):
                private = re.fullmatch(r'"(\w+)/\w+\.h"', include)
                if private and private[1] in LAYERS:
                    assert LAYERS.index(private[1]) <= number, f"{source}: {include}"
                    checked += 1
                header = re.fullmatch(r'"sextant/(\w+)\.h"', include)
                if header and header[1] in public:
                    assert public[header[1]] <= number, f"{source}: {include}"
                    checked += 1
    assert checked > 50


def test_public_headers_include_only_the_standard_library_eigen_and_each_other():
    headers = list((ROOT / "include" / "sextant").glob("*.h"))
    assert len(headers) > 15
    for header in headers:
        for include in includes(header):
            standard = re.fullmatch(r"<[a-z_0-9]+>", include)
            assert standard or include.startswith(("<Eigen/", '"sextant/')), f"{header}: {include}"


def test_only_the_app_prints_or_logs():
    for source in (ROOT / "src").rglob("*.cpp"):
        text = source.read_text()
        assert not re.search(r"std::c(out|err)|spdlog|\bfmt::print|\bprintf\(", text), source


def test_the_environment_is_not_read():
    """But for OpenBLAS's own variable, whose wish stands above our choice of kernels."""
    readers = {source.name for source in (ROOT / "src").rglob("*.cpp") if "getenv" in source.read_text()}
    assert readers == {"blas_kernels.cpp"}
