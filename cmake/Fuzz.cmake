# Fuzz targets (libFuzzer, so clang): one program for each file of tests/fuzz, of the readers alone, without LibTorch.

# specula_fuzz(NAME [SOURCES ...] [LIBRARIES ...]): tests/fuzz/NAME.cpp with readers that lie in folders of heavier libraries.
function(specula_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  list(TRANSFORM arg_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/")
  add_executable(fuzz_${name} "${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.cpp" ${arg_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE specula_options specula_core ${arg_LIBRARIES})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz fuzz_${name})
endfunction()

add_custom_target(fuzz)
file(GLOB fuzz_architecture RELATIVE "${CMAKE_SOURCE_DIR}" CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/framework/model/architecture/*.cpp")
specula_fuzz(safetensors SOURCES framework/model/checkpoint/safetensors.cpp)
specula_fuzz(gguf LIBRARIES specula_convert)
specula_fuzz(llama2c LIBRARIES specula_convert)
specula_fuzz(model_config SOURCES ${fuzz_architecture})
specula_fuzz(tokenizer_model LIBRARIES specula_text)
specula_fuzz(tokenizer_json LIBRARIES specula_text)
specula_fuzz(tokenizer_config LIBRARIES specula_text)
specula_fuzz(prompts LIBRARIES specula_text)
specula_fuzz(chat_template LIBRARIES specula_text)
specula_fuzz(toml SOURCES experiments/config/toml.cpp LIBRARIES tomlplusplus::tomlplusplus)
