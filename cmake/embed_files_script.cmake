# Run by sextant_embed at build time: writes FOLDER/SET.h and FOLDER/SET.cpp with the texts of FILES.
set(entries "")
foreach(path IN LISTS FILES)
  cmake_path(IS_PREFIX BASE ${path} NORMALIZE below)
  if(below)
    cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${BASE} OUTPUT_VARIABLE name)
  else()
    cmake_path(GET path FILENAME name)
  endif()
  file(READ ${path} text)
  string(FIND "${text}" ")embedded\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${path}: holds the characters that end an embedded text")
  endif()
  string(APPEND entries "    {\"${name}\", R\"embedded(${text})embedded\"sv},\n")
endforeach()

file(WRITE ${FOLDER}/${SET}.h "// Made by sextant_embed (cmake/EmbedFiles.cmake).
#pragma once

#include <span>
#include <string_view>
#include <utility>

namespace sextant::embedded {
std::span<const std::pair<std::string_view, std::string_view>> ${SET}();  // names and texts
std::string_view ${SET}(std::string_view name);                           // empty when there is no such file
}  // namespace sextant::embedded
")
file(WRITE ${FOLDER}/${SET}.cpp "// Made by sextant_embed (cmake/EmbedFiles.cmake).
#include \"embedded/${SET}.h\"

namespace sextant::embedded {
namespace {
using namespace std::string_view_literals;
constexpr std::pair<std::string_view, std::string_view> files[] = {
${entries}};
}  // namespace

std::span<const std::pair<std::string_view, std::string_view>> ${SET}() { return files; }

std::string_view ${SET}(std::string_view name) {
  for (const auto& [each, text] : files)
    if (each == name) return text;
  return {};
}
}  // namespace sextant::embedded
")
