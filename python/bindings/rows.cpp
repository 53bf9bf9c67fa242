#include "rows.h"

#include "bindings.h"
#include "run.h"

namespace sextant::python {

void bind_rows(py::module_& module) {
  py::class_<Rows>(module, "Rows")
      .def(py::init<Array, Array, const std::optional<Array>&, const std::optional<std::vector<Index>>&>(),
           py::arg("X").noconvert(), py::arg("Y").noconvert(), py::arg("weights").noconvert() = py::none(),
           py::arg("groups") = py::none());
  py::class_<Run>(module, "Run")
      .def(py::init<int, Index, py::object>(), py::arg("threads") = 0, py::arg("block_rows") = Context{}.block_rows,
           py::arg("progress") = py::none());
  py::module_::import("os").attr("register_at_fork")(py::arg("after_in_child") =
                                                         py::cpp_function([] { forked = true; }));
}

}  // namespace sextant::python
