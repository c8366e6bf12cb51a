# Finds LibTorch and makes the imported target specula::torch.
#
# Torch's own CMake package stops on a CUDA wheel without the toolkit and drags in flags we do not want, so the targets are
# ours.  The root is, in order: SPECULA_TORCH (cache variable or environment), Torch_DIR, CMAKE_PREFIX_PATH, the project's
# .venv, the python3 on PATH.  Python is asked where the package lies and does not import it.

function(specula_find_torch_root result)
  set(candidates "")
  if(SPECULA_TORCH)
    list(APPEND candidates "${SPECULA_TORCH}")
  elseif(DEFINED ENV{SPECULA_TORCH})
    list(APPEND candidates "$ENV{SPECULA_TORCH}")
  else()
    if(Torch_DIR)
      list(APPEND candidates "${Torch_DIR}/../../..")
    endif()
    list(APPEND candidates ${CMAKE_PREFIX_PATH})
    find_program(SPECULA_SYSTEM_PYTHON NAMES python3 python)
    foreach(python "${CMAKE_SOURCE_DIR}/.venv/bin/python" "${SPECULA_SYSTEM_PYTHON}")
      if(EXISTS "${python}")
        execute_process(
          COMMAND "${python}" -c
                  "import importlib.util as u; s=u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
          OUTPUT_VARIABLE location OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        list(APPEND candidates "${location}")
      endif()
    endforeach()
  endif()
  foreach(candidate IN LISTS candidates)
    if(EXISTS "${candidate}/lib/libtorch_cpu.so" AND EXISTS "${candidate}/include/ATen/core/Tensor.h")
      get_filename_component(root "${candidate}" REALPATH)
      set(${result} "${root}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "LibTorch was not found (looked at: ${candidates}).\n"
    "Give its folder with -DSPECULA_TORCH=DIR (the folder that holds lib/libtorch_cpu.so), or run ./quickstart.sh, "
    "which installs the CPU wheel into .venv.")
endfunction()

specula_find_torch_root(torch_root)
set(SPECULA_TORCH_ROOT "${torch_root}" CACHE INTERNAL "LibTorch in use")
set(torch_version "unknown")
if(EXISTS "${torch_root}/version.py")
  file(STRINGS "${torch_root}/version.py" version_line REGEX "^__version__ = ")
  string(REGEX REPLACE "^__version__ = '(.*)'" "\\1" torch_version "${version_line}")
elseif(EXISTS "${torch_root}/build-version")
  file(READ "${torch_root}/build-version" torch_version)
  string(STRIP "${torch_version}" torch_version)
endif()
message(STATUS "LibTorch ${torch_version} at ${torch_root}")

# One OpenMP runtime in the process: the one that libtorch_cpu itself loads.  A second pool costs 4-12x on two cores.
file(GLOB gomp "${torch_root}/lib/libgomp*.so*")
if(gomp)
  list(GET gomp 0 gomp)
else()
  find_library(gomp NAMES gomp libgomp.so.1 REQUIRED)
endif()

add_library(specula_torch INTERFACE)
add_library(specula::torch ALIAS specula_torch)
target_include_directories(specula_torch SYSTEM INTERFACE "${torch_root}/include")
target_compile_definitions(specula_torch INTERFACE AT_PER_OPERATOR_HEADERS SPECULA_TORCH_VERSION="${torch_version}")
# Without -fopenmp at::parallel_for is inlined serially, in silence.
target_compile_options(specula_torch INTERFACE -fopenmp)
target_link_libraries(specula_torch INTERFACE "${torch_root}/lib/libtorch_cpu.so" "${torch_root}/lib/libc10.so" "${gomp}")
if(SPECULA_CUDA)
  foreach(library torch_cuda c10_cuda)
    if(NOT EXISTS "${torch_root}/lib/lib${library}.so")
      message(FATAL_ERROR "SPECULA_CUDA is on, but ${torch_root} is a CPU build of LibTorch (no lib${library}.so).")
    endif()
    # No symbol of ours names them; they register their operators when they are loaded, so the linker must not drop them.
    target_link_libraries(specula_torch INTERFACE "-Wl,--push-state,--no-as-needed,${torch_root}/lib/lib${library}.so,--pop-state")
  endforeach()
  target_compile_definitions(specula_torch INTERFACE SPECULA_CUDA=1)
endif()
