# ISA levels as registry.cpp lists them: name, symbol suffix of the native build, flags.
set(R1C_ISA_LEVELS x86-64-v3 x86-64-v4 avx512_bf16 amx_bf16)
set(R1C_ISA_SUFFIX_x86-64-v3 _v3)
set(R1C_ISA_SUFFIX_x86-64-v4 _v4)
set(R1C_ISA_SUFFIX_avx512_bf16 _bf16)
set(R1C_ISA_SUFFIX_amx_bf16 _amx)
set(R1C_ISA_FLAGS_x86-64-v3 -march=x86-64-v3)
set(R1C_ISA_FLAGS_x86-64-v4 -march=x86-64-v4 -mprefer-vector-width=512)
set(R1C_ISA_FLAGS_avx512_bf16 ${R1C_ISA_FLAGS_x86-64-v4} -mavx512bf16 -mavx512vbmi)
set(R1C_ISA_FLAGS_amx_bf16 ${R1C_ISA_FLAGS_avx512_bf16} -mamx-tile -mamx-bf16)
set(R1C_ISA_SUFFIX_amx_model _amx_model)
set(R1C_ISA_FLAGS_amx_model ${R1C_ISA_FLAGS_avx512_bf16} -DR1_AMX_MODEL)
set(R1C_KERNEL_FLAGS -O3 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fno-math-errno)

# r1c_native_library(NAME SOURCES...): skeletons as ordinary functions, one archive a level and one for the model of AMX.
function(r1c_native_library name)
  add_library(${name} INTERFACE)
  foreach(level ${R1C_ISA_LEVELS} amx_model)
    set(suffix ${R1C_ISA_SUFFIX_${level}})
    add_library(${name}${suffix} STATIC ${ARGN})
    target_compile_options(${name}${suffix} PRIVATE ${R1C_KERNEL_FLAGS} ${R1C_ISA_FLAGS_${level}})
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      # GCC 12 takes its own intrinsics' undefined operands for uninitialised variables, and remarks on vectors as
      # parameters, which never cross a file here.
      target_compile_options(${name}${suffix} PRIVATE -Wno-uninitialized -Wno-maybe-uninitialized -Wno-psabi)
    endif()
    target_compile_definitions(${name}${suffix} PRIVATE R1_ISA_SUFFIX=${suffix})
    target_link_libraries(${name} INTERFACE ${name}${suffix})
  endforeach()
endfunction()

# r1c_simulated_module(NAME SOURCES...): CUDA kernels for the host, as tools/simcuda loads them; what they call of the emulator
# is found there.
function(r1c_simulated_module name)
  add_library(${name} MODULE ${ARGN})
  target_compile_definitions(${name} PRIVATE R1_SIMT R1_SM=90)
  target_compile_options(${name} PRIVATE -O2 -fno-strict-aliasing -ffp-contract=off -fno-sanitize=all)
  target_link_options(${name} PRIVATE -fno-sanitize=all)
endfunction()
