# Small helpers so that every folder's CMakeLists.txt reads as a list of what is in it.

# r1c_library(NAME SOURCES ... LINKS ...): a static library of ours; not linked against anything it does not name.
function(r1c_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# r1c_executable(NAME SOURCES ... LINKS ...): a program. Built with the precompiled MLIR headers if it links a library that is.
function(r1c_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  foreach(library ${ARG_LINKS})
    if(TARGET ${library})
      get_target_property(mlir ${library} R1C_MLIR)
      if(mlir)
        r1c_reuse_mlir_headers(${name})
        break()
      endif()
    endif()
  endforeach()
endfunction()

# r1c_test(NAME SOURCES ... LINKS ... LABEL fast|slow): a GoogleTest program, one ctest entry.
# Its working directory is the source tree; SHARED data beside the checkout is named by R1C_SHARED (may be absent).
function(r1c_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINKS;DEPENDS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL fast)
  endif()
  r1c_executable(${name} SOURCES ${ARG_SOURCES} LINKS ${ARG_LINKS} GTest::gtest GTest::gtest_main DEPENDS ${ARG_DEPENDS})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL}
    ENVIRONMENT "R1C_SHARED=${CMAKE_SOURCE_DIR}/../shared;R1C_BUILD=${CMAKE_BINARY_DIR}")
endfunction()

# r1c_fuzzer(NAME SOURCES ... LINKS ...): a libFuzzer target, built only with -DR1C_FUZZ=ON.
function(r1c_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  if(R1C_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_LINKS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

# r1c_flatbuffer(TARGET SCHEMA...): generates <name>_generated.h beside the schema's path under the build folder.
function(r1c_flatbuffer target)
  find_program(FLATC flatc REQUIRED)
  set(outputs)
  foreach(schema ${ARGN})
    get_filename_component(stem ${schema} NAME_WE)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${stem}_generated.h)
    add_custom_command(OUTPUT ${out}
      COMMAND ${FLATC} --cpp --scoped-enums --gen-object-api --cpp-std c++17 -I ${CMAKE_SOURCE_DIR} --keep-prefix
              -o ${CMAKE_CURRENT_BINARY_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${schema} COMMENT "flatc ${schema}")
    list(APPEND outputs ${out})
  endforeach()
  add_custom_target(${target}-generate DEPENDS ${outputs})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}-generate)
endfunction()
