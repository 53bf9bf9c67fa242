# Writes the source that holds the files of experiments/ as texts, so that an installed program has them. Run as
#   cmake -DFOLDER=experiments -DOUTPUT=embedded.cpp -P EmbedExperiments.cmake
function(embed function_name pattern)
  file(GLOB files LIST_DIRECTORIES false "${FOLDER}/${pattern}")
  list(SORT files)
  set(entries "")
  foreach(file IN LISTS files)
    get_filename_component(name "${file}" NAME_WE)
    file(READ "${file}" text)
    string(APPEND entries "      {\"${name}\", R\"embedded(${text})embedded\"},\n")
  endforeach()
  string(APPEND content "
const std::vector<EmbeddedFile>& ${function_name}() {
  static const std::vector<EmbeddedFile> files = {
${entries}  };
  return files;
}
")
  set(content "${content}" PARENT_SCOPE)
endfunction()

set(content "#include \"lab/embedded.h\"\n\nnamespace sextant {\n")
embed(embedded_experiments "*.toml")
embed(embedded_references "reference/*.csv")
string(APPEND content "\n}  // namespace sextant\n")
file(WRITE "${OUTPUT}" "${content}")
