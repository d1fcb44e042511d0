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

# r1c_mlir_library(NAME SOURCES ... LINKS ...): a library that includes LLVM and MLIR headers.
function(r1c_mlir_library name)
  r1c_library(${name} ${ARGN})
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  separate_arguments(definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  target_compile_options(${name} PUBLIC ${definitions})
  target_link_libraries(${name} PUBLIC MLIR LLVM)
endfunction()
