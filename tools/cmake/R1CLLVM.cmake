# LLVM, MLIR and lld for dialects/ and compiler/. Only the shared MLIR and LLVM libraries are linked: mixing in the static
# ones would carry two copies of every type id. lld is packaged as static libraries only and needs just LLVM.
set(R1C_LLVM_PREFIX /usr/lib/llvm-${R1C_LLVM_VERSION} CACHE PATH "Where LLVM lies")
find_package(MLIR REQUIRED CONFIG PATHS ${R1C_LLVM_PREFIX}/lib/cmake/mlir NO_DEFAULT_PATH)
find_package(LLD REQUIRED CONFIG PATHS ${R1C_LLVM_PREFIX}/lib/cmake/lld NO_DEFAULT_PATH)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
set(LLVM_EXTERNAL_LIT ${R1C_LLVM_PREFIX}/bin/lit CACHE FILEPATH "lit" FORCE)

# The headers that almost every file includes, compiled once: a file then costs half a second in place of four. Presets
# that set CMAKE_DISABLE_PRECOMPILE_HEADERS prove that no file leans on it for a header that it does not name.
function(r1c_mlir_headers target)
  target_include_directories(${target} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  separate_arguments(definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  target_compile_options(${target} PUBLIC ${definitions})
endfunction()
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})  # programs share them with libraries only under one flag
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/mlir_pch.cpp CONTENT "")
add_library(r1c-mlir-pch OBJECT ${CMAKE_BINARY_DIR}/mlir_pch.cpp)
r1c_mlir_headers(r1c-mlir-pch)
target_compile_options(r1c-mlir-pch PRIVATE -Xclang -fno-pch-timestamp)  # the same bytes every time, for ccache
target_precompile_headers(r1c-mlir-pch PRIVATE
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/Math/IR/Math.h>
  <mlir/IR/Builders.h>
  <mlir/IR/BuiltinAttributes.h>
  <mlir/IR/BuiltinOps.h>
  <mlir/IR/BuiltinTypes.h>
  <mlir/IR/DialectImplementation.h>
  <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h>
  <mlir/Pass/Pass.h>
  <mlir/Transforms/GreedyPatternRewriteDriver.h>)

# r1c_mlir_library(NAME SOURCES ... LINKS ...): a library that includes LLVM and MLIR headers.
function(r1c_mlir_library name)
  r1c_library(${name} ${ARGN})
  r1c_mlir_headers(${name})
  target_link_libraries(${name} PUBLIC MLIR LLVM)
  r1c_reuse_mlir_headers(${name})
endfunction()

# r1c_reuse_mlir_headers(TARGET): compiles it with the precompiled headers.
function(r1c_reuse_mlir_headers target)
  target_precompile_headers(${target} REUSE_FROM r1c-mlir-pch)
  set_target_properties(${target} PROPERTIES R1C_MLIR TRUE)
endfunction()
