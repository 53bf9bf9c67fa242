#include "rows.h"

#include "bindings.h"
#include "run.h"

namespace sextant::python {

using CellColumn = std::tuple<std::string, std::optional<std::vector<std::string>>, bool>;

void bind_rows(py::module_& module) {
  // A column is its name, its levels or None of numbers, and whether it has more different texts than a category may.
  py::class_<Cells, std::shared_ptr<Cells>>(module, "Cells")
      .def(py::init([](Array cells, const std::vector<CellColumn>& given, const std::string& name) {
             std::vector<Column> columns;
             for (const auto& [column, levels, too_many] : given) {
               columns.push_back({column, levels || too_many ? ColumnKind::text : ColumnKind::number, {}});
               if (levels) columns.back().levels = *levels;
               columns.back().too_many_levels = too_many;
             }
             return std::make_shared<Cells>(std::move(cells), std::move(columns), name);
           }),
           py::arg("cells").noconvert(), py::arg("columns"), py::arg("name") = "X");
  py::class_<Rows>(module, "Rows")
      .def(py::init<Array, Array, const std::optional<Array>&, const std::optional<std::vector<Index>>&>(),
           py::arg("X").noconvert(), py::arg("Y").noconvert(), py::arg("weights").noconvert() = py::none(),
           py::arg("groups") = py::none())
      .def(py::init<std::shared_ptr<Cells>, const Encoding&, Array, const std::optional<Array>&,
                    const std::optional<std::vector<Index>>&>(),
           py::arg("cells"), py::arg("encoding"), py::arg("Y").noconvert(), py::arg("weights").noconvert() = py::none(),
           py::arg("groups") = py::none());
  py::class_<Run>(module, "Run")
      .def(py::init<int, Index, py::object>(), py::arg("threads") = 0, py::arg("block_rows") = Context{}.block_rows,
           py::arg("progress") = py::none());
  py::module_::import("os").attr("register_at_fork")(py::arg("after_in_child") =
                                                         py::cpp_function([] { forked = true; }));
}

}  // namespace sextant::python
