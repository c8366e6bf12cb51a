# specula_library(NAME folder [TORCH] [LIBRARIES ...]): one static library per folder, every .cpp in it.
# specula_test(NAME folder [LIBRARIES ...]): one GoogleTest binary and one ctest entry per folder.

add_library(specula_options INTERFACE)
target_compile_features(specula_options INTERFACE cxx_std_20)
target_include_directories(specula_options INTERFACE "${CMAKE_SOURCE_DIR}")
# -fPIC by hand: programs would get -fPIE, and a precompiled header serves one of the two only.
target_compile_options(specula_options INTERFACE -fPIC -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string, GCC bug 105329; gone with GCC 13.
  target_compile_options(specula_options INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(SPECULA_WERROR)
  target_compile_options(specula_options INTERFACE -Werror)
endif()
if(SPECULA_SANITIZE)
  target_compile_options(specula_options INTERFACE -fsanitize=${SPECULA_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(specula_options INTERFACE -fsanitize=${SPECULA_SANITIZE})
endif()

# The precompiled header holds Tensor.h and a few std headers.  It is made by a target without definitions of its own, because
# gcc refuses a header made under a definition that its user lacks.
function(specula_make_pch)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/generated/pch.cpp" CONTENT "")
  add_library(specula_pch OBJECT "${CMAKE_BINARY_DIR}/generated/pch.cpp")
  target_link_libraries(specula_pch PRIVATE specula_options specula::torch)
  target_precompile_headers(specula_pch PRIVATE "${CMAKE_SOURCE_DIR}/cmake/pch.h")
endfunction()

function(specula_use_pch name)
  if(SPECULA_PCH)
    if(NOT TARGET specula_pch)
      specula_make_pch()
    endif()
    target_precompile_headers(${name} REUSE_FROM specula_pch)
  endif()
endfunction()

function(specula_library name folder)
  cmake_parse_arguments(arg "TORCH" "" "LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.cpp" "${CMAKE_SOURCE_DIR}/${folder}/*/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/experiments/main.cpp$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC specula_options ${arg_LIBRARIES})
  if(arg_TORCH)
    target_link_libraries(${name} PUBLIC specula::torch)
    specula_use_pch(${name})
  endif()
endfunction()

set(SPECULA_TEST_TIMEOUT 900)  # seconds of one binary; a quiet machine of two cores needs a quarter of it
if(SPECULA_SANITIZE)
  set(SPECULA_TEST_TIMEOUT 1500)
endif()

function(specula_test name folder)
  cmake_parse_arguments(arg "TORCH" "LABEL;TIMEOUT" "LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE specula_options ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE SPECULA_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SPECULA_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(arg_TORCH)
    specula_use_pch(${name})
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  if(NOT arg_LABEL)
    set(arg_LABEL fast)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT ${SPECULA_TEST_TIMEOUT})
  endif()
  # Waiting threads sleep: tests may run beside other work, where a spinning pool loses its time slice at every barrier.
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} ENVIRONMENT OMP_WAIT_POLICY=PASSIVE)
endfunction()

# specula_test_as(NAME test [FILTER tests] ENVIRONMENT variables): a test binary once more, under other circumstances.
function(specula_test_as name test)
  cmake_parse_arguments(arg "" "FILTER" "ENVIRONMENT" ${ARGN})
  add_test(NAME ${name} COMMAND ${test} "--gtest_filter=$<IF:$<BOOL:${arg_FILTER}>,${arg_FILTER},*>" WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS fast TIMEOUT ${SPECULA_TEST_TIMEOUT} ENVIRONMENT "OMP_WAIT_POLICY=PASSIVE;${arg_ENVIRONMENT}")
endfunction()

# Kernels: sums must not depend on which multiplications a compiler fuses, nor the steps that weights are rounded to.  Some files are
# compiled for instructions of their own; the precompiled header must not enter them, or inline functions of the standard library would
# be compiled for them too.
set(kernel_folder "${CMAKE_SOURCE_DIR}/framework/model/kernels")
set_source_files_properties("${kernel_folder}/linear.cpp" "${kernel_folder}/integer.cpp" "${kernel_folder}/rows.cpp"
  "${kernel_folder}/activations.cpp" "${kernel_folder}/attention.cpp" "${kernel_folder}/pack.cpp"
  PROPERTIES COMPILE_OPTIONS "-ffp-contract=off;-O3" SKIP_PRECOMPILE_HEADERS ON)
# Converted weights are those of any other reader, bit for bit.
set_source_files_properties("${CMAKE_SOURCE_DIR}/framework/convert/block_format.cpp" PROPERTIES COMPILE_OPTIONS "-ffp-contract=off")
foreach(kernel bf16:bf16 attention:bf16 vnni:vnni)  # file:instructions
  string(REPLACE ":" ";" kernel "${kernel}")
  list(GET kernel 0 kernel_file)
  list(GET kernel 1 kernel_extension)
  set(kernel_flags "-ffp-contract=off;-O3;-Wno-uninitialized;-Wno-maybe-uninitialized")  # GCC bug 105593: its own intrinsics
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND kernel_flags -mavx512f -mavx512bw -mavx512${kernel_extension})
  endif()
  set_source_files_properties("${kernel_folder}/avx512_${kernel_file}.cpp" PROPERTIES COMPILE_OPTIONS "${kernel_flags}"
    SKIP_PRECOMPILE_HEADERS ON)
endforeach()

if(SPECULA_SANITIZE)  # GCC 12 sees something uninitialised in its own <regex> when it is instrumented
  set_source_files_properties("${CMAKE_SOURCE_DIR}/experiments/bench/kernels.cpp" PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()
