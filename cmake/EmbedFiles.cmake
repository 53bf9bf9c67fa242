# Text files inside the program, so that one file installed anywhere has all it needs.
#
#   include(EmbedFiles)
#   sextant_embed(sextant experiments BASE ${PROJECT_SOURCE_DIR}/experiments FILES figure1.toml figure1.csv)
#
# compiles the files into the target `sextant` and lets its sources write
#
#   #include "embedded/experiments.h"
#   for (const auto& [name, text] : embedded::experiments()) …     // std::string_view both, in the order of FILES
#   embedded::experiments("figure1.toml")                           // the text of one
#
# in namespace sextant. A name is the file's path below BASE (a file outside it: its last part). An edited file is
# embedded again by the next build. Texts become raw string literals: UTF-8, no NUL, any length that the compiler takes.
set(SEXTANT_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_files_script.cmake)

function(sextant_embed target set)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "BASE" "FILES")
  set(paths "")
  foreach(file IN LISTS arg_FILES)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${arg_BASE} NORMALIZE)
    list(APPEND paths ${file})
  endforeach()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/embed-${set})
  set(header ${folder}/embedded/${set}.h)
  set(source ${folder}/embedded/${set}.cpp)
  add_custom_command(
    OUTPUT ${header} ${source}
    COMMAND ${CMAKE_COMMAND} -D SET=${set} -D BASE=${arg_BASE} -D "FILES=${paths}" -D FOLDER=${folder}/embedded
            -P ${SEXTANT_EMBED_SCRIPT}
    DEPENDS ${paths} ${SEXTANT_EMBED_SCRIPT}
    COMMENT "Embedding ${set}"
    VERBATIM)
  target_sources(${target} PRIVATE ${header} ${source})
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
